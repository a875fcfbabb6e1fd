#include "emulator/exec/stall_watch.hpp"

#include <algorithm>

namespace rackproof::emulator::exec {
namespace {

bool all_poll_shared_memory(std::span<const ClusterSlot> slots) {
  return std::all_of(slots.begin(), slots.end(), [](const ClusterSlot& slot) {
    return slot.cluster->polls_shared_memory_only();
  });
}

}  // namespace

StallWatch::Verdict StallWatch::look(std::span<const ClusterSlot> slots, std::uint64_t executed,
                                     bool changed, bool all_run) {
  instructions_ += executed;
  ++rounds_;
  if (!is_on_) {
    if (instructions_ >= patience_ || rounds_ >= patience_ / kInstructionsOfARound) {
      set(slots, true);
    }
    return Verdict::goes_on;
  }
  if (changed || slots.empty()) {
    set(slots, false);
    return Verdict::goes_on;
  }
  const bool is_stalled =
      all_run && std::all_of(slots.begin(), slots.end(), [this](const ClusterSlot& slot) {
        return slot.cluster->is_stalled(repeats_wanted_);
      });
  const bool is_long = rounds_ >= kLongestLookRounds;
  if (all_run && (is_stalled || is_long) && all_poll_shared_memory(slots)) {
    return Verdict::hopeless;
  }
  if (is_stalled) {
    return Verdict::stalled;
  }
  if (is_long || (instructions_ >= kLongestLook && !all_poll_shared_memory(slots))) {
    set(slots, false);
  }
  return Verdict::goes_on;
}

void StallWatch::restart(std::span<const ClusterSlot> slots) {
  for (const ClusterSlot& slot : slots) {
    slot.cluster->restart_watch();
  }
  repeats_wanted_ = kRepeatsAgain;
}

void StallWatch::set(std::span<const ClusterSlot> slots, bool on) {
  patience_ = is_on_ && !on ? std::min(2 * patience_, kMostPatience) : patience_;
  is_on_ = on;
  instructions_ = 0;
  rounds_ = 0;
  repeats_wanted_ = kRepeats;
  for (const ClusterSlot& slot : slots) {
    slot.cluster->watch(on);
  }
}

}  // namespace rackproof::emulator::exec

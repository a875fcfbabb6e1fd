// Groups of a warp that wait for each other, and for barriers of the CTA.
#include "emulator/exec/rows.hpp"
#include "emulator/exec/warp.hpp"

namespace rackproof::emulator::exec {

std::uint32_t Warp::gather(const std::uint32_t* members, std::uint32_t active) {
  std::uint32_t ready = 0;
  for (std::uint32_t rest = active; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    ready |= static_cast<std::uint32_t>((members[lane] & live_ & ~active) == 0) << lane;
  }
  if (const std::uint32_t waiting = active & ~ready; waiting != 0) {
    const auto first = static_cast<std::uint32_t>(std::countr_zero(waiting));
    Group& group = split(waiting, pc_ - 1);
    group.state = Group::State::at_warp_sync;
    group.sync_members = members[first];
    group.meets_anywhere = false;
  }
  return ready;
}

std::uint32_t Warp::gather_anywhere(const std::uint32_t* members, std::uint32_t active) {
  const auto first = static_cast<std::uint32_t>(std::countr_zero(active));
  const std::uint32_t wanted = members[first] & live_;
  std::uint32_t present = active;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    if (i != current_ && group.state == Group::State::at_warp_sync && group.meets_anywhere &&
        group.sync_members == members[first]) {
      present |= group.mask;
    }
  }
  if ((wanted & ~present) == 0 && (wanted & active) == (active & live_)) {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      Group& group = groups_[i];
      if (i != current_ && group.state == Group::State::at_warp_sync && group.meets_anywhere &&
          group.sync_members == members[first]) {
        group.state = Group::State::ready;
        ++group.pc;
        limit_ = 0;
      }
    }
    return active;
  }
  const std::uint32_t ready = gather(members, active);
  if (ready != active) {
    for (Group& group : groups_) {
      if (group.state == Group::State::at_warp_sync && (group.mask & active & ~ready) != 0) {
        group.meets_anywhere = true;
      }
    }
  }
  return ready;
}

void Warp::wait_at_barrier(std::uint32_t lanes, std::uint32_t barrier, Ref result) {
  Group& group = split(lanes, pc_);
  group.state = Group::State::at_barrier;
  group.barrier = barrier;
  group.barrier_result = result;
}

std::uint32_t Warp::lanes_at_barrier(std::uint32_t barrier) const {
  std::uint32_t lanes = 0;
  for (const Group& group : groups_) {
    if (group.state == Group::State::at_barrier && group.barrier == barrier) {
      lanes |= group.mask;
    }
  }
  return lanes;
}

void Warp::release_barrier(std::uint32_t barrier, bool value, std::uint32_t count, bool is_count) {
  for (Group& group : groups_) {
    if (group.state != Group::State::at_barrier || group.barrier != barrier) {
      continue;
    }
    group.state = Group::State::ready;
    limit_ = 0;
    if (group.barrier_result == kNoRef) {
      continue;
    }
    std::byte* row = registers_.data() + group.frame_base + (group.barrier_result & ~3U);
    auto* words = reinterpret_cast<std::uint32_t*>(row);
    if (is_count) {
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        words[lane] = (group.mask >> lane & 1U) != 0 ? count : words[lane];
      }
    } else {
      *words = value ? *words | group.mask : *words & ~group.mask;
    }
  }
}

}  // namespace rackproof::emulator::exec

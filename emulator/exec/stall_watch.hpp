#pragma once
/// Whether a grid still makes progress.

#include "emulator/exec/cluster_slot.hpp"

#include <cstdint>
#include <span>

namespace rackproof::emulator::exec {

/// A grid is watched for a while every so often: watching costs more than running. Whoever writes
/// what was not there before, ends, or begins, has made progress; then the next look comes twice as
/// late. While all do nothing but poll, a look is long: loops that count and give up have ended
/// before.
class StallWatch {
 public:
  enum class Verdict : std::uint8_t {
    goes_on,
    stalled,   ///< all came back to where they were: somebody else may still help
    hopeless,  ///< nobody can: of memory they poll no more than their clusters' shared
  };
  /// After a round of so many warp instructions by `slots`, each of which has its cluster.
  /// `changed`: see GridContext::changed, since the last call. `all_run`: no more clusters fit, or
  /// there are none.
  Verdict look(std::span<const ClusterSlot> slots, std::uint64_t executed, bool changed,
               bool all_run);
  /// A stalled grid runs on: counts repetitions anew.
  void restart(std::span<const ClusterSlot> slots);

 private:
  // Warp instructions.
  static constexpr std::uint64_t kFirstPatience = 1U << 19;
  static constexpr std::uint64_t kMostPatience = 1U << 25;
  static constexpr std::uint64_t kLongestLook = 1U << 22;
  // A round in which all poll has few instructions, and costs its time all the same.
  static constexpr std::uint64_t kInstructionsOfARound = 16;
  static constexpr std::uint64_t kLongestLookRounds = 1U << 16;
  // How often each group must have come back to where it was before; and when it is looked at
  // again.
  static constexpr std::uint32_t kRepeats = 8;
  static constexpr std::uint32_t kRepeatsAgain = 2;

  void set(std::span<const ClusterSlot> slots, bool on);

  bool is_on_ = false;
  std::uint32_t repeats_wanted_ = kRepeats;
  std::uint64_t patience_ = kFirstPatience;
  std::uint64_t instructions_ = 0;
  std::uint64_t rounds_ = 0;
};

}  // namespace rackproof::emulator::exec

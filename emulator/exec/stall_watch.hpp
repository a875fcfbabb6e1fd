#pragma once
/// When to look whether a grid still makes progress.

#include <algorithm>
#include <cstdint>

namespace rackproof::emulator::exec {

/// A grid is watched for a while every so often: watching costs more than running. Whoever writes
/// what was not there before, ends, or begins, has made progress; then the next look comes twice as
/// late. While all do nothing but poll, a look is long: loops that count and give up have ended
/// before.
class StallWatch {
 public:
  [[nodiscard]] bool is_on() const { return is_on_; }
  /// Counts a round that ran so many warp instructions. True: it is time to look, or to stop
  /// looking for now. `all_poll`: whether all of the round did nothing but poll.
  template <class AllPoll>
  [[nodiscard]] bool is_due(std::uint64_t executed, AllPoll&& all_poll) {
    instructions_ += executed;
    ++rounds_;
    return is_on_ ? is_long() || (instructions_ >= kLongestLook && !all_poll())
                  : instructions_ >= patience_ || rounds_ >= patience_ / kInstructionsOfARound;
  }
  [[nodiscard]] bool is_long() const { return rounds_ >= kLongestLookRounds; }
  void start() { set(true); }
  void stop() {
    patience_ = std::min(2 * patience_, kMostPatience);
    set(false);
  }

 private:
  // Warp instructions.
  static constexpr std::uint64_t kFirstPatience = 1U << 19;
  static constexpr std::uint64_t kMostPatience = 1U << 25;
  static constexpr std::uint64_t kLongestLook = 1U << 22;
  // A round in which all poll has few instructions, and costs its time all the same.
  static constexpr std::uint64_t kInstructionsOfARound = 16;
  static constexpr std::uint64_t kLongestLookRounds = 1U << 16;

  void set(bool on) {
    is_on_ = on;
    instructions_ = 0;
    rounds_ = 0;
  }
  bool is_on_ = false;
  std::uint64_t patience_ = kFirstPatience;
  std::uint64_t instructions_ = 0;
  std::uint64_t rounds_ = 0;
};

}  // namespace rackproof::emulator::exec

#pragma once
/// Aligned barriers in divergent code (PTX ISA 9.0, 9.7.13.1: with .aligned all threads of a warp
/// must execute the same barrier; __syncthreads() is one).
///
/// Threads of a warp may come to a barrier one after the other, and those that end need not come. A
/// finding is a warp of which a part waits while the rest waits at another aligned barrier; or goes
/// by, ends, and has written on its way with an instruction that the part which waited comes to
/// next: so the barrier lies in a branch which the rest did not take.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace rackproof::emulator::exec {

/// From the moment when a part of a warp waits at an aligned barrier.
class DivergentBarrier {
 public:
  DivergentBarrier(std::uint32_t pc, std::uint32_t waiting) : pc_(pc), waiting_(waiting) {}

  [[nodiscard]] std::uint32_t pc() const { return pc_; }
  [[nodiscard]] std::uint32_t passed_by() const { return passed_by_; }
  /// More lanes arrive. True: these were the last of `live`, nothing diverged.
  [[nodiscard]] bool arrive(std::uint32_t lanes, std::uint32_t live) {
    waiting_ |= lanes;
    return (live & ~waiting_) == 0;
  }
  void exit(std::uint32_t lanes) { passed_by_ |= is_released_ ? 0 : lanes & ~waiting_; }
  /// The barrier lets `lanes` go. False: the record is of no use any more.
  [[nodiscard]] bool release(std::uint32_t lanes) {
    is_released_ = is_released_ || (lanes & waiting_) != 0;
    return !is_released_ || (passed_by_ != 0 && !trail_.empty());
  }
  /// `lanes` take a backward branch: what they do from now on may be another turn of a loop.
  /// False: the record is of no use any more.
  [[nodiscard]] bool go_back(std::uint32_t lanes) {
    if (!is_released_ && (lanes & ~waiting_) != 0) {
      trail_.clear();
    }
    return !is_released_ || (lanes & waiting_) == 0;
  }
  /// `lanes` write with the instruction at `pc`. True: that is the finding.
  [[nodiscard]] bool write(std::uint32_t pc, std::uint32_t lanes) {
    const bool is_known = std::find(trail_.begin(), trail_.end(), pc) != trail_.end();
    if (is_released_) {
      return is_known && (lanes & waiting_) != 0;
    }
    if (!is_known && (lanes & ~waiting_) != 0 && trail_.size() < kLongestTrail) {
      trail_.push_back(pc);
    }
    return false;
  }

 private:
  static constexpr std::size_t kLongestTrail = 64;
  std::uint32_t pc_;
  std::uint32_t waiting_;
  std::uint32_t passed_by_ = 0;
  bool is_released_ = false;
  std::vector<std::uint32_t> trail_;  ///< writes of lanes that did not wait
};

}  // namespace rackproof::emulator::exec

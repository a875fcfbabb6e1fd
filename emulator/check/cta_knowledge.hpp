#pragma once
/// What somebody knows of one CTA: which accesses of its warps happened before.

#include "emulator/check/access.hpp"

#include <cstdint>
#include <vector>

namespace rackproof::emulator::check {

/// Accesses of `warp` up to time `full`; and those of `lanes` up to time `upto`.
struct WarpKnowledge {
  std::uint32_t warp = 0;
  Time full = 0;
  Time upto = 0;
  std::uint32_t lanes = 0;
};

class CtaKnowledge {
 public:
  [[nodiscard]] bool knows(std::uint32_t warp, std::uint32_t lane, Time time) const {
    if (time <= all_) [[likely]] {
      return true;
    }
    for (const WarpKnowledge& entry : warps_) {
      if (entry.warp == warp) {
        return time <= entry.full || (time <= entry.upto && (entry.lanes >> lane & 1U) != 0);
      }
    }
    return false;
  }
  /// All accesses of all warps up to `time`.
  [[nodiscard]] Time all() const { return all_; }
  void know_all(Time time);
  void add(const WarpKnowledge& entry);
  /// True if something was new.
  bool join(const CtaKnowledge& other);
  /// The entry of a warp, or nullptr.
  [[nodiscard]] const WarpKnowledge* of(std::uint32_t warp) const;
  /// The same with less known of one warp's lanes.
  [[nodiscard]] CtaKnowledge restricted(std::uint32_t warp, std::uint32_t lanes) const;

 private:
  Time all_ = 0;
  std::vector<WarpKnowledge> warps_;  ///< what goes beyond all_
};

}  // namespace rackproof::emulator::check

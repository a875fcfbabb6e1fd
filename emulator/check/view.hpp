#pragma once
/// Is an earlier access ordered before the present one? For the parts of CtaChecker alone.

#include "emulator/check/cta_checker.hpp"

#include <algorithm>
#include <bit>

namespace rackproof::emulator::check {

/// Judges pairs of accesses with the eyes of one warp.
class CtaChecker::View {
 public:
  View(const CtaChecker& checker, std::uint32_t warp, bool is_shared)
      : checker_(&checker), state_(&checker.warps_[warp]), warp_(warp), is_shared_(is_shared) {}

  /// Was a relaxed store seen that came after `earlier`, of another CTA of this grid?
  [[nodiscard]] bool answered(const Access& earlier, std::uint32_t units) const {
    if (!state_->pending || !checker_->grid_->holds(earlier.cta)) {
      return false;
    }
    const CtaKnowledge* const known = state_->pending->answered.find(earlier.cta);
    return known != nullptr &&
           known->knows(earlier.warp(), lane_of(earlier, units), earlier.time());
  }

  /// Did an own atomic see what was released after `earlier`, of this grid?
  [[nodiscard]] bool counted(const Access& earlier, std::uint32_t units) const {
    if (!state_->pending || !checker_->grid_->holds(earlier.cta)) {
      return false;
    }
    const CtaKnowledge* const known = state_->pending->counted.find(earlier.cta);
    return known != nullptr &&
           known->knows(earlier.warp(), lane_of(earlier, units), earlier.time());
  }

  /// Of shared memory's accesses; for those of other CTAs nothing of the kind is known.
  [[nodiscard]] Time known_to_all() const { return is_shared_ ? state_->own.all() : 0; }

  bool operator()(const Access& earlier, const Access& now, std::uint32_t units) const {
    if (earlier.strength() == Strength::in_flight) [[unlikely]] {
      return false;
    }
    if (earlier.cta == checker_->cta_) {
      if (earlier.warp() == warp_) {
        return earlier.time() < state_->sync || by_same_lanes(earlier, now, units) ||
               both_strong(earlier, now) || known(earlier, units);
      }
      return known(earlier, units) || both_strong(earlier, now);
    }
    return foreign(earlier, now, units);
  }

 private:
  /// Of accesses of the own CTA: has what was acquired covered them?
  [[nodiscard]] bool known(const Access& earlier, std::uint32_t units) const {
    return earlier.time() <= state_->own.all() ||
           state_->own.knows(earlier.warp(), lane_of(earlier, units), earlier.time());
  }
  static std::uint32_t lane_of(const Access& access, std::uint32_t units) {
    return access.lane_of(static_cast<std::uint32_t>(std::countr_zero(units)));
  }
  static bool both_strong(const Access& earlier, const Access& now) {
    return earlier.strength() == Strength::strong && now.strength() == Strength::strong;
  }
  static bool by_same_lanes(const Access& earlier, const Access& now, std::uint32_t units) {
    if (earlier.code() == lane_code::kUnknown || now.code() == lane_code::kUnknown) {
      return true;
    }
    if (earlier.code() == lane_code::kSeveral || now.code() == lane_code::kSeveral) {
      return false;
    }
    if (earlier.same_lanes(now)) {
      return true;
    }
    for (; units != 0; units &= units - 1) {
      const auto unit = static_cast<std::uint32_t>(std::countr_zero(units));
      if (earlier.lane_of(unit) != now.lane_of(unit)) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] bool foreign(const Access& earlier, const Access& now, std::uint32_t units) const {
    const Grid& grid = *checker_->grid_;
    const bool is_other_grid = !grid.holds(earlier.cta);
    if (is_other_grid && !grid.is_unordered_with(earlier.cta)) {
      return true;
    }
    const std::uint32_t lane = lane_of(earlier, units);
    const auto knows = [&](const Clock& clock) {
      const CtaKnowledge* const known = clock.find(earlier.cta);
      return known != nullptr && known->knows(earlier.warp(), lane, earlier.time());
    };
    if (knows(state_->foreign)) {
      return true;
    }
    // A strong read cannot be stale, so what it may have observed counts too.
    if (now.strength() == Strength::strong && state_->pending &&
        std::any_of(state_->pending->observed.begin(), state_->pending->observed.end(), knows)) {
      return true;
    }
    const Grid* const other = is_other_grid ? checker_->detector_->grid_of(earlier.cta) : &grid;
    if (is_other_grid && other != nullptr && state_->foreign.find(other->end) != nullptr) {
      return true;
    }
    if (other == nullptr || (is_other_grid && (grid.talks_to_host || other->talks_to_host))) {
      return true;
    }
    const Scope needed = other->device == grid.device ? Scope::device : Scope::system;
    return both_strong(earlier, now) && earlier.scope() >= needed && now.scope() >= needed;
  }

  const CtaChecker* checker_;
  const WarpState* state_;
  std::uint32_t warp_;
  bool is_shared_;
};

}  // namespace rackproof::emulator::check

#pragma once
/// Tensor maps in global memory that kernels change and bulk copies then use: the copies read them
/// through a proxy of their own (PTX ISA 9.0, sections 8.6 and 9.7.13.7).

#include <cstdint>
#include <map>
#include <utility>

namespace rackproof::emulator::check {

/// Of one grid. What one thread of a CTA fences counts for all of it.
class TensorMapOrder {
 public:
  enum class Finding : std::uint8_t {
    none,
    unreleased,  ///< no fence.proxy.tensormap::generic.release behind the change
    unacquired,  ///< no fence.proxy.tensormap::generic.acquire of the map before its use
  };
  /// tensormap.replace by `cta`; `is_released`: tensormap.cp_fenceproxy.
  void change(std::uint64_t address, std::uint32_t cta, bool is_released) {
    changes_[address] = {++versions_, cta, is_released};
  }
  void release(std::uint32_t cta) {
    for (auto& [address, change] : changes_) {
      change.is_released = change.is_released || change.cta == cta;
    }
  }
  void acquire(std::uint64_t address, std::uint32_t cta) {
    if (!changes_.empty()) {
      acquired_[{address, cta}] = versions_;
    }
  }
  [[nodiscard]] Finding use(std::uint64_t address, std::uint32_t cta) const {
    const auto changed = changes_.find(address);
    if (changed == changes_.end()) {
      return Finding::none;
    }
    if (!changed->second.is_released) {
      return Finding::unreleased;
    }
    const auto seen = acquired_.find({address, cta});
    return seen != acquired_.end() && seen->second >= changed->second.version ? Finding::none
                                                                              : Finding::unacquired;
  }

 private:
  struct Change {
    std::uint64_t version = 0;
    std::uint32_t cta = 0;
    bool is_released = false;
  };
  std::uint64_t versions_ = 0;
  std::map<std::uint64_t, Change> changes_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t> acquired_;
};

}  // namespace rackproof::emulator::check

#pragma once
/// Tensor maps in global memory that kernels change and bulk copies then use: the copies read them
/// through a proxy of their own (PTX ISA 9.0, sections 8.6 and 9.7.13.7).

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace rackproof::emulator::check {

/// Of one grid. What one thread of a CTA fences counts for all of it, as far as the scopes of both
/// fences reach.
class TensorMapOrder {
 public:
  enum class Finding : std::uint8_t {
    none,
    unreleased,       ///< no fence.proxy.tensormap::generic.release behind the change
    unacquired,       ///< no fence.proxy.tensormap::generic.acquire of the map before its use
    released_nearby,  ///< the scope of the release does not reach the CTA of the use
    acquired_nearby,  ///< that of the acquire does not reach the CTA of the change
  };
  /// How far the scope of a fence reaches within a grid.
  enum class Reach : std::uint8_t { cta, cluster, grid };
  struct Who {
    std::uint32_t cta = 0;
    std::uint32_t cluster = 0;
  };
  /// tensormap.replace; or, with the scope of its release, tensormap.cp_fenceproxy.
  void change(std::uint64_t address, Who who, std::optional<Reach> released = {}) {
    changes_[address] = {++versions_, who, released};
  }
  void release(Who who, Reach reach) {
    for (auto& [address, change] : changes_) {
      if (change.who.cta == who.cta) {
        change.released = std::max(change.released.value_or(reach), reach);
      }
    }
  }
  void acquire(std::uint64_t address, Who who, Reach reach) {
    if (!changes_.empty()) {
      Acquired& seen = acquired_[{address, who.cta}];
      seen.reach = seen.version == versions_ ? std::max(seen.reach, reach) : reach;
      seen.version = versions_;
    }
  }
  [[nodiscard]] Finding use(std::uint64_t address, Who who) const {
    const auto found = changes_.find(address);
    if (found == changes_.end()) {
      return Finding::none;
    }
    const Change& change = found->second;
    if (!change.released) {
      return Finding::unreleased;
    }
    const auto seen = acquired_.find({address, who.cta});
    if (seen == acquired_.end() || seen->second.version < change.version) {
      return Finding::unacquired;
    }
    const Reach needed = who.cta == change.who.cta           ? Reach::cta
                         : who.cluster == change.who.cluster ? Reach::cluster
                                                             : Reach::grid;
    return *change.released < needed     ? Finding::released_nearby
           : seen->second.reach < needed ? Finding::acquired_nearby
                                         : Finding::none;
  }

 private:
  struct Change {
    std::uint64_t version = 0;
    Who who;
    std::optional<Reach> released;
  };
  struct Acquired {
    std::uint64_t version = 0;
    Reach reach = Reach::cta;
  };
  std::uint64_t versions_ = 0;
  std::map<std::uint64_t, Change> changes_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Acquired> acquired_;
};

}  // namespace rackproof::emulator::check

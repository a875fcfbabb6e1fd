#pragma once
/// Accesses to the shared memory of other CTAs of a cluster. They have to be over when that CTA
/// exits (CUDA C++ Programming Guide, "Distributed Shared Memory"): ordered before it by memory, or
/// by a barrier.cluster, relaxed ones included. Only where races are looked for.

#include "emulator/check/access.hpp"
#include "emulator/exec/warp.hpp"

#include <cstdint>
#include <vector>

namespace rackproof::emulator::exec {

class Cta;

/// Of one cluster.
class SharedUses {
 public:
  /// `lane` of `warp` accesses the shared memory of `home`. `phase`: of barrier.cluster, in which
  /// it arrives next.
  void note(Warp& warp, std::uint32_t lane, const Cta& home, std::uint64_t phase);
  /// The last thread of `home` exits; its threads have waited for barrier.cluster up to `phase`.
  /// Throws FaultRaised.
  void check_exit(Cta& home, std::uint64_t phase) const;

 private:
  struct Use {
    std::uint32_t home = 0;  ///< rank
    std::uint32_t rank = 0;
    std::uint32_t warp = 0;
    std::uint32_t lane = 0;
    std::uint32_t pc = 0;
    check::Time time = 0;
    std::uint64_t phase = 0;
  };
  std::vector<Use> uses_;  ///< the last of each warp in each CTA
};

}  // namespace rackproof::emulator::exec

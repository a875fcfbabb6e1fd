#pragma once
/// Who may use an mbarrier: those that mbarrier.init happened before. Threads of its CTA know by
/// any synchronisation, those of other CTAs of the cluster by one of cluster scope, or by
/// fence.mbarrier_init and a relaxed barrier.cluster.arrive (PTX ISA 9.0, sections 9.7.13.4 and
/// 9.7.13.15.9). Only where races are looked for.

#include "emulator/check/clock.hpp"
#include "emulator/exec/warp.hpp"

#include <bitset>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace rackproof::emulator::exec {

/// Of one cluster; addresses are shared::cluster ones.
class MbarrierInits {
 public:
  void initialised(Warp& warp, std::uint32_t lane, std::uint64_t address);
  void invalidated(std::uint64_t address) { inits_.erase(address); }
  /// `lane` uses the mbarrier, or names it to an asynchronous operation. Throws FaultRaised.
  void use(Warp& warp, std::uint32_t lane, std::uint64_t address);

  /// fence.mbarrier_init.
  void fence(Warp& warp);
  /// barrier.cluster: a warp arrives, all have, a warp has waited.
  void arrive(Warp& warp);
  void complete();
  void wait(Warp& warp);

 private:
  static constexpr std::uint32_t kWarpsPerCta = 32;
  static constexpr std::uint32_t kMostWarps = 16 * kWarpsPerCta;
  struct Init {
    std::uint32_t cta = 0;  ///< serial number
    std::uint32_t rank = 0;
    std::uint32_t warp = 0;
    std::uint32_t lane = 0;
    std::uint32_t pc = 0;
    check::Time time = 0;
    std::bitset<kMostWarps> known;  ///< warps that have used it

    [[nodiscard]] bool is_in(const check::Clock& clock) const;
  };
  /// Of a warp.
  struct Fenced {
    check::Clock own;   ///< at its last fence.mbarrier_init
    check::Clock seen;  ///< others' at their fences, by barrier.cluster
  };
  [[nodiscard]] static std::uint32_t number_of(Warp& warp);

  std::unordered_map<std::uint64_t, Init> inits_;
  std::unordered_map<std::uint32_t, Fenced> warps_;  ///< empty: nobody fenced
  check::Clock arriving_;
  check::Clock released_;
};

}  // namespace rackproof::emulator::exec

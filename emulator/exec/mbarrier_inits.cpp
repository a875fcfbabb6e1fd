#include "emulator/exec/mbarrier_inits.hpp"

#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"

#include <string>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

check::CtaChecker* race_checker(Warp& warp) {
  check::CtaChecker* const checker = warp.cta().checker();
  return checker != nullptr && checker->checks_races() ? checker : nullptr;
}

}  // namespace

std::uint32_t MbarrierInits::number_of(Warp& warp) {
  return warp.cta().rank() * kWarpsPerCta + warp.index();
}

bool MbarrierInits::Init::is_in(const check::Clock& clock) const {
  const check::CtaKnowledge* const known_of_cta = clock.find(cta);
  return known_of_cta != nullptr && known_of_cta->knows(warp, lane, time);
}

void MbarrierInits::initialised(Warp& warp, std::uint32_t lane, std::uint64_t address) {
  if (check::CtaChecker* const checker = race_checker(warp)) {
    Init init;
    init.cta = checker->serial();
    init.rank = warp.cta().rank();
    init.warp = warp.index();
    init.lane = lane;
    init.pc = warp.pc() - 1;
    init.time = checker->touch(warp.index());
    init.known.set(number_of(warp));
    inits_[address] = init;
  }
}

void MbarrierInits::use(Warp& warp, std::uint32_t lane, std::uint64_t address) {
  const auto found = inits_.find(address);
  if (found == inits_.end() || found->second.known[number_of(warp)]) [[likely]] {
    return;
  }
  Init& init = found->second;
  const auto fenced = warps_.find(number_of(warp));
  if (!init.is_in(warp.cta().checker()->knowledge(warp.index())) &&
      (fenced == warps_.end() || !init.is_in(fenced->second.seen))) {
    throw FaultRaised(
        Fault::Kind::race, lane,
        "the mbarrier at " + hex(address) +
            " is used, and nothing orders that after the initialisation by " +
            warp.cta().cluster().cta(init.rank).describe_thread(init.warp, init.lane, init.pc) +
            (init.rank == warp.cta().rank()
                 ? " (a barrier is missing)"
                 : " (fence.mbarrier_init or a releasing barrier.cluster.arrive, then "
                   "barrier.cluster.wait, are missing)"));
  }
  init.known.set(number_of(warp));
}

void MbarrierInits::fence(Warp& warp) {
  if (const check::CtaChecker* const checker = race_checker(warp)) {
    warps_[number_of(warp)].own = checker->knowledge(warp.index());
  }
}

void MbarrierInits::arrive(Warp& warp) {
  // CUTLASS initialises one more barrier behind its last fence: what a warp that has fenced knows
  // when it arrives is taken along.
  const auto fenced = warps_.find(number_of(warp));
  if (fenced != warps_.end() && !fenced->second.own.empty()) {
    arriving_.join(warp.cta().checker()->knowledge(warp.index()));
  }
}

void MbarrierInits::complete() {
  released_ = std::exchange(arriving_, {});
}

void MbarrierInits::wait(Warp& warp) {
  if (!released_.empty()) {
    warps_[number_of(warp)].seen.join(released_);
  }
}

}  // namespace rackproof::emulator::exec

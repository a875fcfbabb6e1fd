#include "emulator/exec/shared_uses.hpp"

#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"

#include <algorithm>
#include <string>

namespace rackproof::emulator::exec {
namespace {

[[noreturn]] void raise(const Cta& home, const std::string& what) {
  throw FaultRaised(Fault::Kind::race, 0,
                    "CTA rank " + std::to_string(home.rank()) +
                        " of the cluster exits, and its shared memory with it; nothing orders that "
                        "after the " +
                        what + " (barrier.cluster at the end, or an mbarrier, is missing)");
}

}  // namespace

void SharedUses::note(Warp& warp, std::uint32_t lane, const Cta& home, std::uint64_t phase) {
  check::CtaChecker* const checker = warp.cta().checker();
  const Use use{home.rank(), warp.cta().rank(), warp.index(),
                lane,        warp.pc() - 1,     checker->touch(warp.index()),
                phase};
  const auto same = std::find_if(uses_.begin(), uses_.end(), [&use](const Use& each) {
    return each.home == use.home && each.rank == use.rank && each.warp == use.warp;
  });
  if (same == uses_.end()) {
    uses_.push_back(use);
  } else {
    *same = use;
  }
}

void SharedUses::check_exit(Cta& home, std::uint64_t phase) const {
  check::CtaChecker* const checker = home.checker();
  if (checker == nullptr || !checker->checks_races()) {
    return;
  }
  Cluster& cluster = home.cluster();
  for (const Use& use : uses_) {
    if (use.home != home.rank() || use.phase <= phase) {
      continue;
    }
    Cta& user = cluster.cta(use.rank);
    if (!checker->anybody_knows(user.checker()->serial(), use.warp, use.lane, use.time)) {
      raise(home, "access of " + user.describe_thread(use.warp, use.lane, use.pc));
    }
  }
  if (const auto access = checker->in_flight_from_others()) {
    for (std::uint32_t rank = 0; rank < cluster.size(); ++rank) {
      Cta& user = cluster.cta(rank);
      if (user.checker()->serial() == access->cta) {
        raise(home, "asynchronous operation of " +
                        user.describe_thread(access->warp(), access->base_lane(), access->pc()) +
                        ", which nobody has seen complete");
      }
    }
  }
}

}  // namespace rackproof::emulator::exec

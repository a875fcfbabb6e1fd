// barrier.cluster: PTX ISA 9.0, section 9.7.13.4.
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"

#include <utility>

namespace rackproof::emulator::exec {

Cluster::Arrivals& Cluster::arrivals(const Warp& warp) {
  if (arrivals_.empty()) {
    arrivals_.resize(ctas_.size() * warps_per_cta_);
  }
  return arrivals_[running_->rank() * warps_per_cta_ + warp.index()];
}

void Cluster::barrier_arrive(Warp& warp, std::uint32_t lanes, bool releases) {
  Arrivals& mine = arrivals(warp);
  if (const std::uint32_t again = lanes & (mine.arrived | mine.passed); again != 0) {
    throw FaultRaised(
        Fault::Kind::illegal_instruction, lowest_lane(again),
        "a thread arrives at the cluster barrier again without a barrier.cluster.wait "
        "between (PTX ISA 9.7.13.4)");
  }
  mine.arrived |= lanes;
  mbarrier_inits_.arrive(warp);
  if (check::CtaChecker* const checker = warp.cta().checker(); checker != nullptr && releases) {
    checker->release_to(warp.index(), lanes, arriving_);
  } else if (checker != nullptr) {
    checker->release_fenced_to(warp.index(), arriving_);
  }
  complete_barrier();
}

void Cluster::barrier_wait(Warp& warp, std::uint32_t lanes) {
  Arrivals& mine = arrivals(warp);
  if (const std::uint32_t early = lanes & ~(mine.arrived | mine.passed); early != 0) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lowest_lane(early),
                      "a thread waits at the cluster barrier without having arrived "
                      "(barrier.cluster.arrive comes first, PTX ISA 9.7.13.4)");
  }
  if (const std::uint32_t passed = lanes & mine.passed; passed != 0) {
    mine.passed &= ~passed;
    mbarrier_inits_.wait(warp);
    waited_phases_[warp.cta().rank()] = phases_;
    if (check::CtaChecker* const checker = warp.cta().checker(); checker != nullptr) {
      checker->acquire_from(warp.index(), released_);
    }
  }
  if (const std::uint32_t waiting = lanes & mine.arrived; waiting != 0) {
    warp.wait_at_barrier(waiting, kClusterBarrier, kNoRef);
  }
}

void Cluster::note_use(Warp& warp, std::uint32_t lanes, const Cta& home) {
  const bool has_arrived = !arrivals_.empty() && (arrivals(warp).arrived & lanes) != 0;
  uses_.note(warp, lowest_lane(lanes), home, phases_ + (has_arrived ? 2 : 1));
}

void Cluster::check_exit(Cta& cta) const {
  if (size() > 1) {
    uses_.check_exit(cta, waited_phases_[cta.rank()]);
  }
}

void Cluster::lanes_exited(Warp& warp) {
  if (!arrivals_.empty()) {
    // The barrier waits for threads that end, so what they did is over behind it.
    check::CtaChecker* const checker = warp.cta().checker();
    if (checker != nullptr && warp.live() == 0) {
      checker->release_to(warp.index(), ~0U, arriving_);
    }
    complete_barrier();
  }
}

void Cluster::complete_barrier() {
  bool anybody = false;
  for (std::uint32_t rank = 0; rank < size(); ++rank) {
    for (std::uint32_t i = 0; i < warps_per_cta_; ++i) {
      const std::uint32_t arrived = arrivals_[rank * warps_per_cta_ + i].arrived;
      if ((ctas_[rank]->warp(i).live() & ~arrived) != 0) {
        return;
      }
      anybody = anybody || arrived != 0;
    }
  }
  if (!anybody) {
    return;
  }
  released_ = std::exchange(arriving_, {});
  mbarrier_inits_.complete();
  ++phases_;
  for (std::uint32_t rank = 0; rank < size(); ++rank) {
    for (std::uint32_t i = 0; i < warps_per_cta_; ++i) {
      Warp& warp = ctas_[rank]->warp(i);
      Arrivals& each = arrivals_[rank * warps_per_cta_ + i];
      const std::uint32_t asleep = warp.lanes_at_barrier(kClusterBarrier);
      each.passed |= each.arrived & warp.live() & ~asleep;
      each.arrived = 0;
      if (asleep != 0) {
        mbarrier_inits_.wait(warp);
        waited_phases_[rank] = phases_;
      }
      if (check::CtaChecker* const checker = ctas_[rank]->checker();
          checker != nullptr && asleep != 0) {
        checker->acquire_from(i, released_);
      }
      warp.release_barrier(kClusterBarrier, false, 0, false);
    }
  }
}

}  // namespace rackproof::emulator::exec

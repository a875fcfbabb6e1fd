// bar and barrier: PTX ISA 9.0, section 9.7.13.1.
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"

#include <bit>
#include <string>

namespace rackproof::emulator::exec {
namespace {

std::uint32_t word(const LaneContext& lanes, Ref ref, std::uint32_t lane) {
  return reinterpret_cast<const std::uint32_t*>(lanes.base[ref & kConstantBit] + (ref & ~3U))[lane];
}

std::uint32_t barrier_index(const LaneContext& lanes, const Op& op, std::uint32_t lane) {
  const std::uint32_t index = word(lanes, op.a, lane);
  if (index > 15) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                      "barrier " + std::to_string(index) + " does not exist (0 to 15)");
  }
  return index;
}

std::uint32_t expected_threads(const LaneContext& lanes, const Op& op, std::uint32_t lane) {
  if (op.b == kNoRef) {
    return 0;
  }
  const std::uint32_t count = word(lanes, op.b, lane);
  if (count == 0 || count % kWarpSize != 0) {
    throw FaultRaised(
        Fault::Kind::illegal_instruction, lane,
        "a barrier for " + std::to_string(count) + " threads: the count must be a multiple of 32");
  }
  return count;
}

}  // namespace

void barrier_sync(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const auto lane = static_cast<std::uint32_t>(std::countr_zero(mask));
  std::uint32_t predicate = 0;
  if (op.c != kNoRef) {
    predicate = word(lanes, op.c & ~kNegateBit, 0);
    predicate = (op.c & kNegateBit) != 0 ? ~predicate : predicate;
  }
  if ((op.flags & op_flags::kAligned) != 0 && warp.cta().grid().config.checks.synchronisation) {
    warp.arrive_aligned(mask);
  }
  ++warp.cta().grid().counters.barrier_waits;
  warp.cta().barrier_sync(warp, mask, barrier_index(lanes, op, lane),
                          expected_threads(lanes, op, lane), static_cast<BarrierReduction>(op.mode),
                          predicate, op.dst);
}

void fence_memory(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (check::CtaChecker* const checker = warp.cta().checker()) {
    checker->fence(warp.index(), mask, static_cast<check::Scope>(op.scope));
  }
}

void fence_proxy(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (check::CtaChecker* const checker = warp.cta().checker()) {
    checker->proxy_fence(warp.index(), mask, (op.mode & 1) != 0, (op.mode & 2) != 0);
  }
}

void fence_mbarrier_init(LaneContext& lanes, const Op&, std::uint32_t) {
  auto& warp = static_cast<Warp&>(lanes);
  warp.cta().cluster().mbarrier_inits().fence(warp);
}

void barrier_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const auto lane = static_cast<std::uint32_t>(std::countr_zero(mask));
  warp.cta().barrier_arrive(warp, mask, barrier_index(lanes, op, lane),
                            expected_threads(lanes, op, lane));
}

}  // namespace rackproof::emulator::exec

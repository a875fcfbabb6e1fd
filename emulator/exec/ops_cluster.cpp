// barrier.cluster, mapa and getctarank: PTX ISA 9.0, sections 9.7.13.4, 9.7.9.23 and 9.7.9.24.
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/windows.hpp"

#include <string>

namespace rackproof::emulator::exec {
namespace {

constexpr std::uint64_t kRankMask = std::uint64_t{0xff} << kClusterRankShift;

std::uint64_t shared_address(const LaneContext& lanes, const Op& op, std::uint32_t lane) {
  const std::uint64_t address = op.size == 8 ? register_row<std::uint64_t>(lanes, op.a)[lane]
                                             : register_row<std::uint32_t>(lanes, op.a)[lane];
  if (static_cast<AddressKind>(op.space) == AddressKind::generic &&
      classify(address) != AddressKind::shared) {
    throw FaultRaised(Fault::Kind::illegal_address, lane,
                      hex(address) + " is not a generic address of shared memory");
  }
  return address;
}

}  // namespace

void cluster_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  warp.cta().cluster().barrier_arrive(warp, mask, op.mode == 0);
}

void cluster_wait(LaneContext& lanes, const Op&, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  ++warp.cta().grid().counters.barrier_waits;
  warp.cta().cluster().barrier_wait(warp, mask);
}

void map_address(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const std::uint32_t size = static_cast<Warp&>(lanes).cta().cluster_size();
  for_each_lane(mask, [&](std::uint32_t lane) {
    const std::uint64_t address = shared_address(lanes, op, lane);
    const std::uint64_t rank = register_row<std::uint32_t>(lanes, op.b)[lane];
    if (rank >= size) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        "mapa to CTA rank " + std::to_string(rank) + " of a cluster of " +
                            std::to_string(size) + " CTAs");
    }
    const std::uint64_t mapped = (address & ~kRankMask) | rank << kClusterRankShift;
    if (op.size == 8) {
      register_row<std::uint64_t>(lanes, op.dst)[lane] = mapped;
    } else {
      register_row<std::uint32_t>(lanes, op.dst)[lane] = static_cast<std::uint32_t>(mapped);
    }
  });
}

void rank_of_address(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
  for_each_lane(mask, [&](std::uint32_t lane) {
    dst[lane] = static_cast<std::uint32_t>((shared_address(lanes, op, lane) & kRankMask) >>
                                           kClusterRankShift);
  });
}

}  // namespace rackproof::emulator::exec

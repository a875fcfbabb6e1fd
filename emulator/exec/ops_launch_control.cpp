// clusterlaunchcontrol: PTX ISA 9.0, section 9.7.13.16. A cluster takes the place of one that has
// not begun. The handle's 16 bytes are the emulator's own: a flag, then %ctaid of the first CTA.
#include "emulator/exec/async_check.hpp"
#include "emulator/exec/bulk_transfer.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"

#include <array>
#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

struct Handle {
  std::uint32_t is_cancelled = 0;
  std::uint32_t x = 0;
  std::uint32_t y = 0;
  std::uint32_t z = 0;
};
static_assert(sizeof(Handle) == 16);

Handle try_cancel(GridContext& grid) {
  const std::optional<std::uint64_t> index =
      grid.steal_cluster ? grid.steal_cluster() : std::nullopt;
  if (!index) {
    return {};
  }
  const Dim3& size = grid.config.cluster;
  const std::uint64_t wide = grid.config.grid.x / size.x;
  const std::uint64_t high = grid.config.grid.y / size.y;
  return {1, static_cast<std::uint32_t>(*index % wide * size.x),
          static_cast<std::uint32_t>(*index / wide % high * size.y),
          static_cast<std::uint32_t>(*index / wide / high * size.z)};
}

void check_aligned(std::uint64_t address, std::uint64_t unit, std::uint32_t lane,
                   const char* what) {
  if (address % unit != 0) {
    throw FaultRaised(Fault::Kind::misaligned_address, lane,
                      std::string(what) + " of clusterlaunchcontrol.try_cancel is not aligned to " +
                          std::to_string(unit) + " bytes");
  }
}

}  // namespace

void launch_control_cancel(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Cta& cta = warp.cta();
  Cluster& cluster = cta.cluster();
  const AddressSource response{op.a, op.immediate, (op.mode & memory_mode::kWideAddress) != 0};
  const AddressSource object{op.b, static_cast<std::int32_t>(op.d), op.size == 8};
  for_each_lane(mask, [&](std::uint32_t lane) {
    const std::uint64_t place = read_address(lanes, response, lane) & kWindowOffsetMask;
    const std::uint64_t barrier = read_address(lanes, object, lane) & kWindowOffsetMask;
    check_aligned(place, sizeof(Handle), lane, "the response");
    const Handle handle = try_cancel(cta.grid());
    const std::uint32_t first = op.c != 0 ? 0 : cta.rank();
    const std::uint32_t last = op.c != 0 ? cluster.size() - 1 : cta.rank();
    const std::shared_ptr<AsyncRecord> record = AsyncRecord::begin(warp, lane);
    for (std::uint64_t rank = first; rank <= last; ++rank) {
      constexpr std::uint64_t kOffset = (std::uint64_t{1} << kClusterRankShift) - 1;
      const std::uint64_t there = (place & kOffset) | rank << kClusterRankShift;
      const std::uint64_t signal = (barrier & kOffset) | rank << kClusterRankShift;
      cluster.check_barrier(warp, signal, lane);
      (void)cluster.shared_at(there, sizeof handle, lane, "response of try_cancel");
      Cta& home = cluster.cta(static_cast<std::uint32_t>(rank));
      if (check::CtaChecker* const checker = home.checker()) {
        checker->expect_written(there + home.shared_bias(), sizeof handle);
      }
      if (record) {
        record->write_shared(there, sizeof handle, "response of try_cancel");
      }
      cluster.issue(
          Issuer{&cta, warp.index(), lane, warp.pc() - 1}, async::OperationQueue::kUnordered,
          [&cluster, record, there, signal, handle] {
            std::memcpy(
                cluster.shared_at(there, sizeof handle, kWarpSize, "response of try_cancel"),
                &handle, sizeof handle);
            cluster.complete_transactions(signal, sizeof handle, record);
          },
          signal);
    }
    if (record) {
      record->issued();
    }
  });
}

void launch_control_query(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const auto& warp = static_cast<Warp&>(lanes);
  const Ref* const refs = &warp.kernel().refs[op.list];
  const auto* const handles = register_row<std::array<std::uint32_t, 4>>(lanes, op.a);
  std::uint32_t cancelled = 0;
  for_each_lane(mask, [&](std::uint32_t lane) {
    cancelled |= static_cast<std::uint32_t>(handles[lane][0] != 0) << lane;
  });
  if (op.mode == 0) {
    write_predicate(lanes, refs[0], cancelled, mask);
    return;
  }
  if (const std::uint32_t denied = mask & ~cancelled; denied != 0) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lowest_lane(denied),
                      "get_first_ctaid of a request that was not cancelled is undefined (ask "
                      "is_canceled first)");
  }
  for (std::uint32_t i = 0; i < op.list_size; ++i) {
    const std::uint32_t part = op.mode == 1 ? (i + 1) % 4 : op.mode - 1U;
    if (refs[i] != kNoRef) {
      auto* const dst = register_row<std::uint32_t>(lanes, refs[i]);
      for_each_lane(mask,
                    [&](std::uint32_t lane) { dst[lane] = part == 0 ? 0 : handles[lane][part]; });
    }
  }
}

}  // namespace rackproof::emulator::exec

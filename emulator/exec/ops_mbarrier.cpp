// mbarrier: PTX ISA 9.0, section 9.7.13.15. The object's meaning is async::Mbarrier's.
#include "emulator/async/mbarrier.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

using async::Mbarrier;

constexpr std::uint32_t kObjectBytes = 8;
// An arrival behind copies comes within this many turns of its warp.
constexpr std::uint32_t kMaxSteps = 6;

// Shared addresses of the objects, of which `addresses` keeps the host pointers.
Addresses objects(Warp& warp, const Op& op, std::uint32_t mask, AccessType type,
                  Addresses& addresses) {
  lane_ops().addresses(warp, op, mask, kObjectBytes, addresses);
  if (static_cast<AddressKind>(op.space) == AddressKind::generic) {
    std::uint32_t same = 0;
    if (split_generic(addresses, mask, kObjectBytes, same) != AddressKind::shared || same != mask) {
      throw FaultRaised(Fault::Kind::illegal_address, lowest_lane(mask),
                        "an mbarrier lies in shared memory; this address does not");
    }
  }
  const Addresses offsets = addresses;
  resolve(warp, op, AddressKind::shared, type, kObjectBytes, mask, addresses);
  return offsets;
}

Mbarrier read(std::uint64_t pointer, std::uint32_t lane) {
  std::uint64_t word = 0;
  std::memcpy(&word, reinterpret_cast<const void*>(pointer), sizeof word);
  const Mbarrier barrier(word);
  if (!barrier.valid()) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                      "the mbarrier was not initialised, or was overwritten");
  }
  return barrier;
}

void write(std::uint64_t pointer, std::uint64_t word) {
  std::memcpy(reinterpret_cast<void*>(pointer), &word, sizeof word);
}

void check(bool legal, std::uint32_t lane, const char* what) {
  if (!legal) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lane, what);
  }
}

constexpr const char* kTooMany = "more arrivals on the mbarrier than its phase expects";
constexpr const char* kTransactions =
    "the transaction count of the mbarrier leaves -1048575 to 1048575";

std::uint32_t count_of(const LaneContext& lanes, Ref ref, std::uint32_t lane) {
  return ref == kNoRef ? 1 : register_row<std::uint32_t>(lanes, ref)[lane];
}

}  // namespace

void mbarrier_init(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Addresses addresses;
  objects(warp, op, mask, AccessType::atomic, addresses);
  for_each_lane(mask, [&](std::uint32_t lane) {
    const std::uint32_t count = count_of(lanes, op.b, lane);
    check(count != 0 && count <= Mbarrier::kMaximumCount, lane,
          "the count of mbarrier.init is not within 1 to 1048575");
    write(addresses.value[lane], Mbarrier::initialised(count).word());
  });
}

void mbarrier_invalidate(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Addresses addresses;
  objects(warp, op, mask, AccessType::atomic, addresses);
  for_each_lane(mask, [&](std::uint32_t lane) {
    (void)read(addresses.value[lane], lane);
    write(addresses.value[lane], 0);
  });
}

void mbarrier_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const auto kind = static_cast<MbarrierArrival>(op.mode & kMbarrierKindMask);
  Addresses addresses;
  objects(warp, op, mask, AccessType::atomic, addresses);
  for_each_lane(mask, [&](std::uint32_t lane) {
    Mbarrier barrier = read(addresses.value[lane], lane);
    const std::uint64_t before = barrier.word();
    const std::uint32_t operand = count_of(lanes, op.b, lane);
    const bool transactions =
        kind == MbarrierArrival::expect_tx || kind == MbarrierArrival::drop_expect_tx;
    check(!transactions || barrier.expect(operand), lane, kTransactions);
    const std::uint32_t count = transactions ? 1 : operand;
    const bool drops = kind == MbarrierArrival::drop || kind == MbarrierArrival::drop_expect_tx ||
                       kind == MbarrierArrival::drop_no_complete;
    check(count != 0 && (drops ? barrier.drop(count) : barrier.arrive(count)), lane, kTooMany);
    const bool completed = barrier.advance_if_complete();
    check(!completed ||
              (kind != MbarrierArrival::no_complete && kind != MbarrierArrival::drop_no_complete),
          lane, "an arrival with .noComplete completes the phase");
    write(addresses.value[lane], barrier.word());
    if (op.dst != kNoRef) {
      register_row<std::uint64_t>(lanes, op.dst)[lane] = before;
    }
  });
}

void mbarrier_transactions(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Addresses addresses;
  objects(warp, op, mask, AccessType::atomic, addresses);
  for_each_lane(mask, [&](std::uint32_t lane) {
    Mbarrier barrier = read(addresses.value[lane], lane);
    const std::int64_t count = register_row<std::uint32_t>(lanes, op.b)[lane];
    const bool completes = (op.mode & kMbarrierKindMask) != 0;
    check(barrier.expect(completes ? -count : count), lane, kTransactions);
    if (completes) {
      barrier.advance_if_complete();
    }
    write(addresses.value[lane], barrier.word());
  });
}

void mbarrier_test(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const auto mode = op.mode & kMbarrierKindMask;
  Addresses addresses;
  objects(warp, op, mask, AccessType::read, addresses);
  std::uint32_t done = 0;
  for_each_lane(mask, [&](std::uint32_t lane) {
    const bool parity = (mode & kMbarrierParity) != 0
                            ? (register_row<std::uint32_t>(lanes, op.b)[lane] & 1) != 0
                            : Mbarrier(register_row<std::uint64_t>(lanes, op.b)[lane]).parity();
    const bool over = read(addresses.value[lane], lane).parity() != parity;
    done |= static_cast<std::uint32_t>(over) << lane;
  });
  write_predicate(lanes, op.dst, done, mask);
  if ((mode & kMbarrierBlocking) != 0 && done != mask) {
    warp.yield();
  }
}

void mbarrier_pending(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
  const auto* const state = register_row<std::uint64_t>(lanes, op.a);
  for_each_lane(mask, [&](std::uint32_t lane) { dst[lane] = Mbarrier(state[lane]).pending(); });
}

void copy_async_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Addresses addresses;
  const Addresses offsets = objects(warp, op, mask, AccessType::atomic, addresses);
  async::Arrival arrival;
  arrival.lanes = mask;
  arrival.moment = async::Moment::soon(warp.cta().random(), kMaxSteps);
  const bool announces = (op.mode & kMbarrierKindMask) == 0;
  for_each_lane(mask, [&](std::uint32_t lane) {
    Mbarrier barrier = read(addresses.value[lane], lane);
    check(!announces || barrier.add_pending(), lane, kTooMany);
    write(addresses.value[lane], barrier.word());
    arrival.barrier[lane] = static_cast<std::uint32_t>(offsets.value[lane]);
  });
  CopyOwner owner(warp);
  warp.copies().arrive_after(arrival, owner);
}

void CopyOwner::arrive(const async::Arrival& arrival, std::uint32_t lanes) {
  Cta& cta = warp_->cta();
  for_each_lane(lanes, [&](std::uint32_t lane) {
    const std::uint32_t address = arrival.barrier[lane];
    const auto pointer = reinterpret_cast<std::uint64_t>(cta.shared() + address);
    if (check::CtaChecker* const checker = cta.checker()) {
      checker->shared_arrive(warp_->index(), pointer);
    }
    Mbarrier barrier = read(pointer, lane);
    check(barrier.arrive(1), lane, kTooMany);
    barrier.advance_if_complete();
    write(pointer, barrier.word());
  });
}

}  // namespace rackproof::emulator::exec

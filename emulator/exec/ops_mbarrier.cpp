// mbarrier: PTX ISA 9.0, section 9.7.13.15. The object's meaning is async::Mbarrier's.
#include "emulator/async/mbarrier.hpp"
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/async_check.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/places.hpp"
#include "emulator/exec/rows.hpp"

#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

using async::Mbarrier;

constexpr std::uint32_t kObjectBytes = 8;
// An arrival behind copies comes within this many turns of its warp.
constexpr std::uint32_t kMaxSteps = 6;

struct Object {
  std::uint32_t lane = 0;
  std::uint64_t address = 0;  ///< shared::cluster
  std::uint64_t pointer = 0;
};

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

// Calls action(object) for the lanes' mbarriers, lowest lane first within each CTA.
template <class Action>
void for_each_object(Warp& warp, const Op& op, std::uint32_t mask, AccessType type,
                     Action&& action) {
  Addresses addresses;
  lane_ops().addresses(warp, op, mask, kObjectBytes, addresses);
  const auto space = static_cast<AddressKind>(op.space);
  while (mask != 0) {
    std::uint32_t same = mask;
    Addresses part = addresses;
    const AddressKind kind =
        spans_spaces(space) ? split_space(warp, space, part, mask, kObjectBytes, same) : space;
    if (kind != AddressKind::shared && kind != AddressKind::shared_cluster) {
      throw FaultRaised(Fault::Kind::illegal_address, lowest_lane(mask),
                        "an mbarrier lies in shared memory; this address does not");
    }
    const bool is_remote = kind == AddressKind::shared_cluster;
    if (is_remote && (op.mode & kMbarrierLocal) != 0) {
      throw FaultRaised(Fault::Kind::illegal_address, lowest_lane(same),
                        "this form works on mbarriers of the executing CTA only (shared::cta); "
                        "the address lies in CTA rank " +
                            std::to_string(part.value[lowest_lane(same)] >> kClusterRankShift));
    }
    const std::uint64_t rank = part.value[lowest_lane(same) % kWarpSize] >> kClusterRankShift;
    if (is_remote && op.handler == mbarrier_arrive && rank < warp.cta().cluster_size() &&
        warp.cta().cluster().cta(static_cast<std::uint32_t>(rank)).finished()) {
      // Nobody can see it any more: published kernels hand back their last stages so. On hardware
      // that is a matter of time, as FlashAttention-3 says of its last wait.
      if (warp.cta().grid().detector != nullptr) {
        note(warp.cta().grid(), warp.cta(), warp, lowest_lane(same),
             "arrives at an mbarrier of CTA rank " + std::to_string(rank) +
                 " of the cluster, which has exited, and its shared memory with it; nothing orders "
                 "that exit after this arrival");
      }
      mask &= ~same;
      continue;
    }
    const Addresses offsets = part;
    // Before the access itself acquires what others released through the object.
    for_each_lane(op.handler == mbarrier_init ? 0 : same, [&](std::uint32_t lane) {
      warp.cta().cluster().mbarrier_inits().use(warp, lane, offsets.value[lane]);
    });
    resolve(warp, op, kind, type, kObjectBytes, same, part);
    for_each_lane(same, [&](std::uint32_t lane) {
      action(Object{lane, offsets.value[lane], part.value[lane]});
    });
    mask &= ~same;
  }
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

// Lanes that arrive together meet each other, too, when they see the phase end. Counted from the
// arrival: who of a warp reads before the wait is found by what other warps wrote.
void order_arrivals(Warp& warp, std::uint32_t lanes) {
  if (check::CtaChecker* const checker = warp.cta().checker();
      checker != nullptr && (lanes & (lanes - 1)) != 0) {
    checker->warp_sync(warp.index());
  }
}

std::uint32_t count_of(const LaneContext& lanes, Ref ref, std::uint32_t lane) {
  return ref == kNoRef ? 1 : register_row<std::uint32_t>(lanes, ref)[lane];
}

// Polled by a warp of its CTA, or in the middle of a phase.
void check_unused(Warp& warp, const Object& object) {
  std::uint64_t word = 0;
  std::memcpy(&word, reinterpret_cast<const void*>(object.pointer), sizeof word);
  const Mbarrier barrier(word);
  Cta& cta = warp.cta();
  bool is_polled = false;
  for (std::uint32_t i = 0; i < cta.warps(); ++i) {
    is_polled = is_polled || (i != warp.index() && cta.warp(i).polls(object.address));
  }
  check(!barrier.valid() || (!is_polled && barrier.at_start()), object.lane,
        "mbarrier.init on an mbarrier that is in use (a phase has arrivals or transactions, or "
        "somebody waits for it): mbarrier.inval comes first (PTX ISA 9.7.13.15.9)");
}

}  // namespace

void mbarrier_init(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  for_each_object(warp, op, mask, AccessType::atomic, [&](const Object& object) {
    const std::uint32_t count = count_of(lanes, op.b, object.lane);
    check(count != 0 && count <= Mbarrier::kMaximumCount, object.lane,
          "the count of mbarrier.init is not within 1 to 1048575");
    check_unused(warp, object);
    write(object.pointer, Mbarrier::initialised(count).word());
    warp.cta().cluster().mbarrier_inits().initialised(warp, object.lane, object.address);
  });
}

void mbarrier_invalidate(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  for_each_object(warp, op, mask, AccessType::atomic, [&](const Object& object) {
    std::uint64_t word = 0;
    std::memcpy(&word, reinterpret_cast<const void*>(object.pointer), sizeof word);
    // libcu++'s tests destroy two barriers that they made one after the other in one place.
    if (word == 0) {
      if (warp.cta().grid().detector != nullptr) {
        note(warp.cta().grid(), warp.cta(), warp, object.lane,
             "what is invalidated is no mbarrier, or no longer one (PTX ISA 9.7.13.15.10)");
      }
      return;
    }
    (void)read(object.pointer, object.lane);
    write(object.pointer, 0);
    warp.cta().cluster().mbarrier_inits().invalidated(object.address);
  });
}

void mbarrier_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const auto kind = static_cast<MbarrierArrival>(op.mode & kMbarrierKindMask);
  for_each_object(warp, op, mask, AccessType::atomic, [&](const Object& object) {
    const std::uint32_t lane = object.lane;
    Mbarrier barrier = read(object.pointer, lane);
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
    write(object.pointer, barrier.word());
    if (op.dst != kNoRef) {
      register_row<std::uint64_t>(lanes, op.dst)[lane] = before;
    }
  });
  order_arrivals(warp, mask);
}

void mbarrier_transactions(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  for_each_object(warp, op, mask, AccessType::atomic, [&](const Object& object) {
    Mbarrier barrier = read(object.pointer, object.lane);
    const std::int64_t count = register_row<std::uint32_t>(lanes, op.b)[object.lane];
    const bool completes = (op.mode & kMbarrierKindMask) != 0;
    check(barrier.expect(completes ? -count : count), object.lane, kTransactions);
    if (completes) {
      barrier.advance_if_complete();
    }
    write(object.pointer, barrier.word());
  });
}

void mbarrier_test(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Cta& cta = warp.cta();
  const auto mode = op.mode & kMbarrierKindMask;
  std::uint32_t done = 0;
  std::uint64_t in_vain = 0;
  for_each_object(warp, op, mask, AccessType::read, [&](const Object& object) {
    const std::uint32_t lane = object.lane;
    const bool parity = (mode & kMbarrierParity) != 0
                            ? (register_row<std::uint32_t>(lanes, op.b)[lane] & 1) != 0
                            : Mbarrier(register_row<std::uint64_t>(lanes, op.b)[lane]).parity();
    const bool over = read(object.pointer, lane).parity() != parity;
    done |= static_cast<std::uint32_t>(over) << lane;
    in_vain = over ? in_vain : object.address;
    if (over) {
      cta.cluster().see_phase(object.address);
    }
  });
  write_predicate(lanes, op.dst, done, mask);
  if (in_vain == 0) {
    warp.end_poll();
    warp.end_turn();
  } else {
    warp.note_poll(in_vain);
    cta.cluster().operations().demand(in_vain);
    cta.demand_copies(static_cast<std::uint32_t>(in_vain));
    if ((mode & kMbarrierBlocking) != 0) {
      warp.yield();
    }
  }
}

void mbarrier_pending(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
  const auto* const state = register_row<std::uint64_t>(lanes, op.a);
  for_each_lane(mask, [&](std::uint32_t lane) { dst[lane] = Mbarrier(state[lane]).pending(); });
}

void copy_async_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  async::Arrival arrival;
  arrival.lanes = mask;
  arrival.moment =
      async::Moment::draw(warp.cta().cluster().ordering(), warp.cta().random(), kMaxSteps);
  const bool announces = (op.mode & kMbarrierKindMask) == 0;
  for_each_object(warp, op, mask, AccessType::atomic, [&](const Object& object) {
    Mbarrier barrier = read(object.pointer, object.lane);
    check(!announces || barrier.add_pending(), object.lane, kTooMany);
    write(object.pointer, barrier.word());
    arrival.barrier[object.lane] = static_cast<std::uint32_t>(object.address);
  });
  CopyOwner owner(warp);
  warp.copies().arrive_after(arrival, owner);
}

void CopyOwner::arrive(const async::Arrival& arrival, std::uint32_t lanes) {
  Cta& cta = warp_->cta();
  for_each_lane(lanes, [&](std::uint32_t lane) {
    if (check::CtaChecker* const checker = cta.checker()) {
      checker->shared_arrive(
          warp_->index(), reinterpret_cast<std::uintptr_t>(cta.shared_at(arrival.barrier[lane])));
    }
    cta.cluster().arrive(arrival.barrier[lane], 1);
  });
  order_arrivals(*warp_, arrival.lanes);
}

void Cluster::complete_on(std::uint64_t address, const std::shared_ptr<AsyncRecord>& record) {
  if (record == nullptr) {
    return;
  }
  Cta& home = cta(static_cast<std::uint32_t>(address >> kClusterRankShift));
  home.checker()->shared_release(address + home.shared_bias(), record->knowledge());
  unseen_.emplace_back(address, record);
}

void Cluster::end_seen(std::uint64_t address) {
  std::erase_if(unseen_, [address](const auto& entry) {
    if (entry.first == address) {
      entry.second->end_observed();
    }
    return entry.first == address;
  });
}

void Cluster::check_barrier(Warp& warp, std::uint64_t address, std::uint32_t lane) {
  if (address % kObjectBytes != 0) {
    throw FaultRaised(Fault::Kind::misaligned_address, lane,
                      "the mbarrier at " + hex(address) + " is not aligned to 8 bytes");
  }
  mbarrier_inits_.use(warp, lane, address);
  (void)read(reinterpret_cast<std::uint64_t>(shared_at(address, kObjectBytes, lane, "mbarrier")),
             lane);
}

void Cluster::arrive(std::uint64_t address, std::uint32_t count,
                     const std::shared_ptr<AsyncRecord>& record) {
  const auto pointer = reinterpret_cast<std::uint64_t>(
      shared_at(address, kObjectBytes, kWarpSize, "arrival on the mbarrier"));
  Mbarrier barrier = read(pointer, kWarpSize);
  check(barrier.arrive(count), kWarpSize, kTooMany);
  barrier.advance_if_complete();
  write(pointer, barrier.word());
  complete_on(address, record);
}

void Cluster::complete_transactions(std::uint64_t address, std::uint32_t bytes,
                                    const std::shared_ptr<AsyncRecord>& record) {
  const auto pointer = reinterpret_cast<std::uint64_t>(
      shared_at(address, kObjectBytes, kWarpSize, "complete_tx on the mbarrier"));
  Mbarrier barrier = read(pointer, kWarpSize);
  check(barrier.expect(-std::int64_t{bytes}), kWarpSize, kTransactions);
  barrier.advance_if_complete();
  write(pointer, barrier.word());
  complete_on(address, record);
}

std::string Warp::describe_poll() const {
  if (poll_pc_ == 0) {
    return "a polling loop";
  }
  std::uint64_t word = 0;
  std::memcpy(&word, cta_->cluster().shared_at(poll_address_, kObjectBytes, kWarpSize, "read"),
              sizeof word);
  const Mbarrier barrier(word);
  return "mbarrier " + hex(poll_address_) + " (its phase " + (barrier.parity() ? "1" : "0") +
         " lacks " + std::to_string(barrier.pending()) + " of " +
         std::to_string(barrier.expected()) + " arrivals and " +
         std::to_string(barrier.transactions()) + " bytes of transactions)";
}

}  // namespace rackproof::emulator::exec

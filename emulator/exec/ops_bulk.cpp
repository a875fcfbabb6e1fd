// Bulk copies and what waits for them: PTX ISA 9.0, sections 9.7.9.25.3 to 9.7.9.27.
#include "emulator/async/bulk_groups.hpp"
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/async_check.hpp"
#include "emulator/exec/bulk_op.hpp"
#include "emulator/exec/bulk_transfer.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/reduce_elements.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/windows.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

using async::OperationQueue;

constexpr std::uint64_t kLinearUnit = 16;
constexpr std::uint64_t kTensorAlignment = 128;
constexpr std::uint64_t kRankBits = ~std::uint64_t{0} << kClusterRankShift;

// 64-bit registers may hold generic addresses of shared memory.
std::uint64_t shared_address(const LaneContext& lanes, const AddressSource& source,
                             std::uint32_t lane) {
  return read_address(lanes, source, lane) & kWindowOffsetMask;
}

void check_multiple(std::uint64_t value, std::uint64_t unit, std::uint32_t lane, const char* what) {
  if (value % unit != 0) {
    throw FaultRaised(Fault::Kind::misaligned_address, lane,
                      std::string(what) + " of a bulk copy, " + hex(value) +
                          ", is no multiple of " + std::to_string(unit) + " bytes");
  }
}

std::uint32_t value_of(const LaneContext& lanes, Ref ref, std::uint32_t lane) {
  return register_row<std::uint32_t>(lanes, ref)[lane];
}

// What lies there will be initialised, whenever it comes.
void expect_written(Cluster& cluster, std::uint64_t address, std::uint64_t bytes) {
  Cta& home = cluster.cta(static_cast<std::uint32_t>(address >> kClusterRankShift));
  if (check::CtaChecker* const checker = home.checker()) {
    checker->expect_written(address + home.shared_bias(), bytes);
  }
}

struct BulkStoreRecord final : async::BulkStore {
  void waited(bool reads_only) override {
    if (record) {
      record->end_waited(reads_only);
    }
  }
  std::shared_ptr<AsyncRecord> record;
};

/// One lane's instruction.
class BulkIssue {
 public:
  BulkIssue(Warp& warp, const BulkOp& bulk, std::uint32_t lane, check::Time since)
      : warp_(warp),
        bulk_(bulk),
        cta_(warp.cta()),
        cluster_(cta_.cluster()),
        issuer_{&cta_, warp.index(), lane, warp.pc() - 1},
        lane_(lane),
        transfer_(std::make_shared<BulkTransfer>(make_transfer())),
        record_(AsyncRecord::begin(warp, lane, since)) {}

  void go() {
    check_global();
    switch (bulk_.direction) {
      case BulkOp::Direction::global_to_shared:
        into_shared();
        break;
      case BulkOp::Direction::shared_to_shared:
        between_shared();
        break;
      case BulkOp::Direction::shared_to_global:
        into_global();
        break;
      case BulkOp::Direction::prefetch:
        break;
    }
    if (record_) {
      record_->issued();
    }
  }

 private:
  [[nodiscard]] bool is_linear() const { return bulk_.mode == BulkOp::Mode::linear; }

  BulkTransfer make_transfer() {
    if (!is_linear()) {
      return tensor_transfer(warp_, bulk_, lane_);
    }
    const std::uint32_t bytes = value_of(warp_, bulk_.size, lane_);
    check_multiple(bytes, kLinearUnit, lane_, "the size");
    const bool writes_global = bulk_.direction == BulkOp::Direction::shared_to_global;
    const std::uint64_t global =
        bulk_.direction == BulkOp::Direction::shared_to_shared
            ? 0
            : read_address(warp_, writes_global ? bulk_.destination : bulk_.source, lane_);
    check_multiple(global, kLinearUnit, lane_, "the global address");
    BulkTransfer transfer = linear_transfer(global, bytes);
    transfer.is_reduction = bulk_.is_reduction;
    transfer.reduction = bulk_.reduction;
    transfer.type = bulk_.type;
    if (bulk_.byte_mask != kNoRef) {
      transfer.byte_mask = value_of(warp_, bulk_.byte_mask, lane_) & 0xffffU;
    }
    return transfer;
  }

  // Prefetches beyond an allocation are harmless.
  void check_global() {
    if (bulk_.direction == BulkOp::Direction::shared_to_shared ||
        bulk_.direction == BulkOp::Direction::prefetch) {
      return;
    }
    GridContext& grid = cta_.grid();
    const bool writes = bulk_.direction == BulkOp::Direction::shared_to_global;
    const char* const what = writes ? "bulk write" : "bulk read";
    for (const BulkTransfer::Row& row : transfer_->rows) {
      const std::uint64_t bytes = async::global_bytes(transfer_->element, row.end - row.begin);
      if (bytes != 0) {
        grid.check_global(row.global, bytes, lane_, what, warp_.pc());
        grid.sectors.insert(row.global >> 5, (row.global + bytes - 1) >> 5);
        if (record_ && writes) {
          record_->write_global(row.global, bytes, what);
        } else if (record_) {
          record_->read_global(row.global, bytes, what);
        }
      }
    }
    ++grid.counters.bulk_requests;
    (writes ? grid.counters.bulk_store_bytes : grid.counters.bulk_load_bytes) +=
        transfer_->global_bytes();
  }

  void check_box(std::uint64_t address) {
    check_multiple(address, is_linear() ? kLinearUnit : kTensorAlignment, lane_,
                   "the shared address");
  }

  // The mbarrier that a copy into the CTA of `destination` signals.
  std::uint64_t barrier_of(std::uint64_t destination, std::uint64_t barrier, bool is_multicast) {
    const std::uint64_t rank = destination >> kClusterRankShift;
    const std::uint64_t barrier_rank = barrier >> kClusterRankShift;
    if (is_multicast) {
      const std::uint64_t to = bulk_.cta_group == 2 ? (rank & ~1ULL) | (barrier_rank & 1) : rank;
      return (barrier & ~kRankBits) | to << kClusterRankShift;
    }
    if (barrier_rank != rank && (bulk_.cta_group != 2 || (barrier_rank ^ rank) != 1)) {
      throw FaultRaised(Fault::Kind::illegal_address, lane_,
                        "the mbarrier of a bulk copy lies in CTA rank " +
                            std::to_string(barrier_rank) + ", its destination in CTA rank " +
                            std::to_string(rank) +
                            " (they are in one CTA, or with .cta_group::2 in one pair)");
    }
    return barrier;
  }

  void note_write(std::uint64_t destination, std::uint64_t bytes) {
    expect_written(cluster_, destination, bytes);
    if (record_) {
      record_->write_shared(destination, bytes, "bulk write to shared memory");
    }
  }

  // Into one CTA's box.
  void load_into(std::uint64_t destination, std::uint64_t barrier) {
    const std::uint64_t bytes = transfer_->shared_bytes();
    (void)cluster_.shared_at(destination, bytes, lane_, "bulk write to shared memory");
    cluster_.check_barrier(warp_, barrier, lane_);
    cta_.grid().counters.bulk_shared_bytes += bytes;
    note_write(destination, bytes);
    cluster_.issue(
        issuer_, OperationQueue::kUnordered,
        [this_cluster = &cluster_, transfer = transfer_, record = record_, destination, barrier,
         bytes] {
          transfer->load(
              this_cluster->shared_at(destination, bytes, kWarpSize, "bulk write to shared memory"),
              destination);
          this_cluster->complete_transactions(barrier, static_cast<std::uint32_t>(bytes), record);
        },
        barrier);
  }

  void into_shared() {
    const std::uint64_t destination = shared_address(warp_, bulk_.destination, lane_);
    const std::uint64_t barrier = shared_address(warp_, bulk_.barrier, lane_);
    check_box(destination);
    if (bulk_.is_own_shared && destination >> kClusterRankShift != cta_.rank()) {
      throw FaultRaised(Fault::Kind::illegal_address, lane_,
                        "the destination .shared::cta of a bulk copy lies in CTA rank " +
                            std::to_string(destination >> kClusterRankShift));
    }
    if (bulk_.cta_mask == kNoRef) {
      load_into(destination, barrier_of(destination, barrier, false));
      return;
    }
    const std::uint32_t mask = value_of(warp_, bulk_.cta_mask, lane_) & 0xffffU;
    if (mask == 0 || mask >> cluster_.size() != 0) {
      throw FaultRaised(Fault::Kind::illegal_instruction, lane_,
                        "the multicast mask " + hex(mask) + " does not name CTAs of a cluster of " +
                            std::to_string(cluster_.size()));
    }
    for_each_lane(mask, [&](std::uint32_t rank) {
      const std::uint64_t there = (destination & ~kRankBits) | std::uint64_t{rank}
                                                                   << kClusterRankShift;
      load_into(there, barrier_of(there, barrier, true));
    });
  }

  // The source of a copy out of this CTA.
  std::uint64_t own_box() {
    const std::uint64_t source = shared_address(warp_, bulk_.source, lane_);
    check_box(source);
    if (source >> kClusterRankShift != cta_.rank()) {
      throw FaultRaised(Fault::Kind::illegal_address, lane_,
                        "the source of a bulk copy lies in CTA rank " +
                            std::to_string(source >> kClusterRankShift) +
                            ", and has to be the CTA's own shared memory");
    }
    (void)cluster_.shared_at(source, transfer_->shared_bytes(), lane_,
                             "bulk read of shared memory");
    if (record_) {
      record_->read_shared(source, transfer_->shared_bytes(), "bulk read of shared memory");
    }
    return source;
  }

  void between_shared() {
    const std::uint64_t source = own_box();
    const std::uint64_t destination = shared_address(warp_, bulk_.destination, lane_);
    check_box(destination);
    const std::uint64_t barrier =
        barrier_of(destination, shared_address(warp_, bulk_.barrier, lane_), false);
    cluster_.check_barrier(warp_, barrier, lane_);
    const std::uint64_t bytes = transfer_->shared_bytes();
    (void)cluster_.shared_at(destination, bytes, lane_, "bulk write to shared memory");
    ++cta_.grid().counters.bulk_requests;
    cta_.grid().counters.bulk_shared_bytes += bytes;
    cta_.grid().counters.distributed_shared_bytes += bytes;
    note_write(destination, bytes);
    cluster_.issue(
        issuer_, OperationQueue::kUnordered,
        [cluster = &cluster_, bulk = &bulk_, record = record_, source, destination, barrier,
         bytes] {
          const std::byte* const from =
              cluster->shared_at(source, bytes, kWarpSize, "bulk read of shared memory");
          std::byte* const to =
              cluster->shared_at(destination, bytes, kWarpSize, "bulk write to shared memory");
          if (!bulk->is_reduction) {
            std::memmove(to, from, bytes);
          } else if (!reduce_elements(bulk->reduction, bulk->type, to, from, bytes)) {
            throw FaultRaised(Fault::Kind::illegal_instruction, kWarpSize,
                              "this reduction is not defined");
          }
          cluster->complete_transactions(barrier, static_cast<std::uint32_t>(bytes), record);
        },
        barrier);
  }

  void into_global() {
    const std::uint64_t source = own_box();
    auto state = std::make_shared<BulkStoreRecord>();
    state->record = record_;
    warp_.bulk_groups().add(lane_, state);
    state->read = cluster_.issue(
        issuer_, OperationQueue::kUnordered,
        [cluster = &cluster_, issuer = issuer_, transfer = transfer_, state, source] {
          std::vector<std::byte> box =
              transfer->read_box(cluster->shared_at(source, transfer->shared_bytes(), kWarpSize,
                                                    "bulk read of shared memory"),
                                 source);
          state->write = cluster->issue(issuer, OperationQueue::kUnordered,
                                        [transfer, box = std::move(box)] { transfer->store(box); });
        });
  }

  Warp& warp_;
  const BulkOp& bulk_;
  Cta& cta_;
  Cluster& cluster_;
  Issuer issuer_;
  std::uint32_t lane_;
  std::shared_ptr<BulkTransfer> transfer_;
  std::shared_ptr<AsyncRecord> record_;  ///< nullptr: races are not looked for
};

}  // namespace

void bulk_copy(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const BulkOp& bulk = warp.kernel().bulk[static_cast<std::size_t>(op.immediate)];
  const check::Time since = AsyncRecord::now(warp);
  for_each_lane(mask, [&](std::uint32_t lane) { BulkIssue(warp, bulk, lane, since).go(); });
}

void bulk_commit(LaneContext& lanes, const Op&, std::uint32_t mask) {
  static_cast<Warp&>(lanes).bulk_groups().commit(mask);
}

void bulk_wait(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  warp.bulk_groups().wait(mask, static_cast<std::uint64_t>(op.immediate), op.mode != 0,
                          warp.cta().cluster().operations());
}

void store_async(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Cluster& cluster = warp.cta().cluster();
  const std::uint32_t bytes = std::uint32_t{op.size} * op.list_size;
  const AddressSource target{op.a, op.immediate, (op.mode & memory_mode::kWideAddress) != 0};
  const AddressSource object{op.b, static_cast<std::int32_t>(op.d), (op.mode & 1) != 0};
  for_each_lane(mask, [&](std::uint32_t lane) {
    const std::uint64_t destination = shared_address(lanes, target, lane);
    const std::uint64_t barrier = shared_address(lanes, object, lane);
    check_multiple(destination, bytes, lane, "the destination");
    if (destination >> kClusterRankShift != barrier >> kClusterRankShift) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        "the destination and the mbarrier of an asynchronous store lie in "
                        "different CTAs");
    }
    (void)cluster.shared_at(destination, bytes, lane, "asynchronous write to shared memory");
    cluster.check_barrier(warp, barrier, lane);
    std::array<std::byte, 16> data{};
    for (std::uint32_t i = 0; i < op.list_size; ++i) {
      const Ref ref = warp.kernel().refs[op.list + i];
      const std::byte* const row = register_row<std::byte>(lanes, ref);
      std::memcpy(data.data() + std::size_t{i} * op.size, row + std::size_t{lane} * op.size,
                  op.size);
    }
    warp.cta().grid().counters.distributed_shared_bytes += bytes;
    expect_written(cluster, destination, bytes);
    const std::shared_ptr<AsyncRecord> record = AsyncRecord::begin(warp, lane);
    if (record) {
      record->write_shared(destination, bytes, "asynchronous write to shared memory");
      record->issued();
    }
    const std::uint32_t reduction = op.c;
    const bool is_signed = (op.flags & op_flags::kRelu) != 0;
    cluster.issue(
        Issuer{&warp.cta(), warp.index(), lane, warp.pc() - 1}, OperationQueue::kUnordered,
        [&cluster, record, destination, barrier, bytes, data, reduction, is_signed] {
          std::byte* const to = cluster.shared_at(destination, bytes, kWarpSize,
                                                  "asynchronous write to shared memory");
          const ptx::Type type = bytes == 8  ? ptx::Type::u64
                                 : is_signed ? ptx::Type::s32
                                             : ptx::Type::u32;
          if (reduction == 0) {
            std::memcpy(to, data.data(), bytes);
          } else {
            (void)reduce_elements(static_cast<AtomicOp>(reduction - 1), type, to, data.data(),
                                  bytes);
          }
          cluster.complete_transactions(barrier, bytes, record);
        },
        barrier);
  });
}

}  // namespace rackproof::emulator::exec

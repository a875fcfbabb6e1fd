#pragma once
/// Every collective as a sequence of rounds of one kind: each rank writes up to kSlotBytes into its
/// slot; when all have written, each rank reads what it wants from all slots.
///
/// A further collective is one entry: how many rounds, what to write, what to read, what it costs.

#include "emulator/api_nccl/segment.hpp"

#include <nccl.h>

#include <cstddef>
#include <cstdint>

namespace rackproof::emulator::api_nccl {

enum class Kind : std::uint32_t {
  all_reduce,
  reduce,
  reduce_scatter,
  broadcast,
  all_gather,
  all_to_all
};

/// One rank's call. `count` is NCCL's own argument of the collective.
struct Call {
  Kind kind = Kind::all_reduce;
  const std::byte* send = nullptr;
  std::byte* receive = nullptr;
  std::size_t count = 0;
  ncclDataType_t type = ncclFloat32;
  ncclRedOp_t op = ncclSum;
  int root = 0;
  int rank = 0;
  int ranks = 1;
  /// Rank whose value a reduction starts with: any order is legal, so it changes from call to call.
  int first = 0;
};

/// The slots of one round.
class Slots {
 public:
  Slots(const Segment& segment, std::uint64_t round) : segment_(&segment), round_(round) {}
  [[nodiscard]] const std::byte* of(int rank) const { return segment_->slot(rank, round_); }

 private:
  const Segment* segment_;
  std::uint64_t round_;
};

struct Exchange {
  const char* name;  ///< "ncclAllReduce"
  std::uint64_t (*rounds)(const Call& call);
  void (*write)(const Call& call, std::uint64_t round, std::byte* slot);
  void (*read)(const Call& call, std::uint64_t round, const Slots& slots);
  /// Bytes over each GPU's link in one direction, bandwidth-optimal algorithm.
  double (*link_bytes)(const Call& call);
  /// Messages that follow one another in a tree, as a multiple of its depth.
  int sweeps;
};

[[nodiscard]] const Exchange& exchange(Kind kind);

}  // namespace rackproof::emulator::api_nccl

#include "emulator/api_nccl/exchange.hpp"

#include "emulator/api_nccl/element.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace rackproof::emulator::api_nccl {
namespace {

/// Up to here every rank reduces everything itself: one round instead of two.
constexpr std::size_t kDirectBytes = 4096;

struct Range {
  std::size_t first = 0;
  std::size_t count = 0;
};

/// Piece `index` of `total` elements cut every `piece` elements; the last may be shorter or empty.
Range piece_of(std::size_t total, std::size_t piece, std::uint64_t index) {
  const std::size_t first = std::min(total, static_cast<std::size_t>(index) * piece);
  return {first, std::min(piece, total - first)};
}

std::uint64_t pieces(std::size_t total, std::size_t piece) {
  return (total + piece - 1) / piece;
}

std::size_t slot_elements(const Call& call) {
  return kSlotBytes / element_bytes(call.type);
}
/// Elements of each rank's share when a slot holds something for every rank.
std::size_t share_elements(const Call& call) {
  return slot_elements(call) / static_cast<std::size_t>(call.ranks);
}

void copy(std::byte* to, const std::byte* from, std::size_t elements, const Call& call) {
  if (elements != 0) {
    std::memcpy(to, from, elements * element_bytes(call.type));
  }
}

/// receive[...] = reduction over ranks of `elements` elements at `offset` elements in each slot.
void reduce_slots(const Call& call, const Slots& slots, std::size_t offset, std::size_t elements,
                  std::byte* receive) {
  if (elements == 0) {
    return;
  }
  const std::size_t bytes = element_bytes(call.type);
  // The caller's buffer need not be aligned to the element; this one is.
  thread_local std::vector<std::max_align_t> scratch(kSlotBytes / sizeof(std::max_align_t));
  std::memcpy(scratch.data(), slots.of(call.first) + offset * bytes, elements * bytes);
  for (int i = 1; i < call.ranks; ++i) {
    const int rank = (call.first + i) % call.ranks;
    reduce_into(call.type, call.op, scratch.data(), slots.of(rank) + offset * bytes, elements);
  }
  if (call.op == ncclAvg) {
    finish_average(call.type, scratch.data(), elements, call.ranks);
  }
  std::memcpy(receive, scratch.data(), elements * bytes);
}

std::byte* at(const Call& call, std::byte* base, std::size_t element) {
  return base + element * element_bytes(call.type);
}
const std::byte* at(const Call& call, const std::byte* base, std::size_t element) {
  return base + element * element_bytes(call.type);
}

double message_bytes(const Call& call) {
  return static_cast<double>(call.count) * static_cast<double>(element_bytes(call.type));
}
double others(const Call& call) {
  return call.ranks - 1;
}

// --- all-reduce: small ones directly; else each rank reduces its share of a chunk (even rounds),
// then all collect the shares (odd rounds).

bool is_direct(const Call& call) {
  return message_bytes(call) <= kDirectBytes;
}

std::uint64_t all_reduce_rounds(const Call& call) {
  return is_direct(call) ? 1 : 2 * pieces(call.count, slot_elements(call));
}

struct AllReduceRound {
  Range chunk;        ///< of the whole message
  std::size_t share;  ///< elements of each rank's share; the last ranks' may be shorter
  bool collects;

  AllReduceRound(const Call& call, std::uint64_t round)
      : chunk(piece_of(call.count, slot_elements(call), round / 2)),
        share(static_cast<std::size_t>(pieces(chunk.count, static_cast<std::size_t>(call.ranks)))),
        collects(round % 2 == 1) {}
  /// Within the chunk.
  [[nodiscard]] Range share_of(int rank) const {
    return piece_of(chunk.count, share, static_cast<std::uint64_t>(rank));
  }
};

void all_reduce_write(const Call& call, std::uint64_t round, std::byte* slot) {
  if (is_direct(call)) {
    copy(slot, call.send, call.count, call);
    return;
  }
  const AllReduceRound r(call, round);
  if (r.collects) {
    const Range own = r.share_of(call.rank);
    copy(slot, at(call, call.receive, r.chunk.first + own.first), own.count, call);
  } else {
    copy(slot, at(call, call.send, r.chunk.first), r.chunk.count, call);
  }
}

void all_reduce_read(const Call& call, std::uint64_t round, const Slots& slots) {
  if (is_direct(call)) {
    reduce_slots(call, slots, 0, call.count, call.receive);
    return;
  }
  const AllReduceRound r(call, round);
  if (!r.collects) {
    const Range own = r.share_of(call.rank);
    reduce_slots(call, slots, own.first, own.count,
                 at(call, call.receive, r.chunk.first + own.first));
    return;
  }
  for (int rank = 0; rank < call.ranks; ++rank) {
    const Range theirs = r.share_of(rank);
    copy(at(call, call.receive, r.chunk.first + theirs.first), slots.of(rank), theirs.count, call);
  }
}

// --- reduce and broadcast: the root reads, or only the root writes.

std::uint64_t whole_message_rounds(const Call& call) {
  return pieces(call.count, slot_elements(call));
}

void reduce_write(const Call& call, std::uint64_t round, std::byte* slot) {
  const Range r = piece_of(call.count, slot_elements(call), round);
  copy(slot, at(call, call.send, r.first), r.count, call);
}

void reduce_read(const Call& call, std::uint64_t round, const Slots& slots) {
  if (call.rank == call.root) {
    const Range r = piece_of(call.count, slot_elements(call), round);
    reduce_slots(call, slots, 0, r.count, at(call, call.receive, r.first));
  }
}

void broadcast_write(const Call& call, std::uint64_t round, std::byte* slot) {
  if (call.rank == call.root) {
    reduce_write(call, round, slot);
  }
}

void broadcast_read(const Call& call, std::uint64_t round, const Slots& slots) {
  const Range r = piece_of(call.count, slot_elements(call), round);
  copy(at(call, call.receive, r.first), slots.of(call.root), r.count, call);
}

// --- all-gather: everybody reads everything, to its place.

void all_gather_read(const Call& call, std::uint64_t round, const Slots& slots) {
  const Range r = piece_of(call.count, slot_elements(call), round);
  for (int rank = 0; rank < call.ranks; ++rank) {
    const std::size_t block = static_cast<std::size_t>(rank) * call.count;
    copy(at(call, call.receive, block + r.first), slots.of(rank), r.count, call);
  }
}

// --- reduce-scatter and all-to-all: a slot holds a piece for every rank.

std::uint64_t share_rounds(const Call& call) {
  return pieces(call.count, share_elements(call));
}

void shares_write(const Call& call, std::uint64_t round, std::byte* slot) {
  const Range r = piece_of(call.count, share_elements(call), round);
  for (std::size_t peer = 0; peer < static_cast<std::size_t>(call.ranks); ++peer) {
    copy(at(call, slot, peer * share_elements(call)),
         at(call, call.send, peer * call.count + r.first), r.count, call);
  }
}

void reduce_scatter_read(const Call& call, std::uint64_t round, const Slots& slots) {
  const Range r = piece_of(call.count, share_elements(call), round);
  reduce_slots(call, slots, static_cast<std::size_t>(call.rank) * share_elements(call), r.count,
               at(call, call.receive, r.first));
}

void all_to_all_read(const Call& call, std::uint64_t round, const Slots& slots) {
  const Range r = piece_of(call.count, share_elements(call), round);
  const std::size_t own = static_cast<std::size_t>(call.rank) * share_elements(call);
  for (int rank = 0; rank < call.ranks; ++rank) {
    const std::size_t block = static_cast<std::size_t>(rank) * call.count;
    copy(at(call, call.receive, block + r.first), at(call, slots.of(rank), own), r.count, call);
  }
}

double all_reduce_link_bytes(const Call& call) {
  return 2 * message_bytes(call) * others(call) / call.ranks;
}
double rooted_link_bytes(const Call& call) {
  return call.ranks == 1 ? 0 : message_bytes(call);
}
double per_rank_link_bytes(const Call& call) {
  return message_bytes(call) * others(call);
}

constexpr std::array<Exchange, 6> kExchanges{{
    {"ncclAllReduce", all_reduce_rounds, all_reduce_write, all_reduce_read, all_reduce_link_bytes,
     2},
    {"ncclReduce", whole_message_rounds, reduce_write, reduce_read, rooted_link_bytes, 1},
    {"ncclReduceScatter", share_rounds, shares_write, reduce_scatter_read, per_rank_link_bytes, 1},
    {"ncclBroadcast", whole_message_rounds, broadcast_write, broadcast_read, rooted_link_bytes, 1},
    {"ncclAllGather", whole_message_rounds, reduce_write, all_gather_read, per_rank_link_bytes, 1},
    {"ncclAlltoAll", share_rounds, shares_write, all_to_all_read, per_rank_link_bytes, 1},
}};

}  // namespace

const Exchange& exchange(Kind kind) {
  return kExchanges[static_cast<std::size_t>(kind)];
}

}  // namespace rackproof::emulator::api_nccl

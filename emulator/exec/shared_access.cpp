// Shared memory: bounds, bank conflicts, what the checker must hear, asynchronous copies.
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

std::string outside_of(const Cta& cta, std::uint64_t address) {
  const std::uint64_t rank = address >> kClusterRankShift;
  const std::string own =
      "the CTA's shared memory [" + hex(cta.shared_base()) + ", " + hex(cta.shared_end()) + ")";
  return rank < cta.cluster_size() && rank != cta.rank()
             ? " lies in CTA rank " + std::to_string(rank) + " of the cluster, not in " + own +
                   ": .shared reaches only that, .shared::cluster the others"
             : " is outside " + own;
}

}  // namespace

void resolve_shared(Warp& warp, const Op& op, AccessType type, std::uint32_t bytes,
                    std::uint32_t lanes, Addresses& addresses) {
  Cta& cta = warp.cta();
  check_alignment("shared", type, bytes, lanes, addresses);
  if (addresses.low < cta.shared_base() || addresses.high + bytes > cta.shared_end()) {
    for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
      const auto lane = lowest_lane(rest);
      const std::uint64_t address = addresses.value[lane];
      if (address < cta.shared_base() || address + bytes > cta.shared_end()) {
        throw FaultRaised(Fault::Kind::illegal_address, lane,
                          std::string("shared ") + verb(type) + " of " + std::to_string(bytes) +
                              " bytes at " + hex(address) + outside_of(cta, address));
      }
    }
  }
  GridCounters& counters = cta.grid().counters;
  ++counters.shared_requests;
  const Wavefronts wavefronts = lane_ops().wavefronts(addresses, bytes, lanes);
  counters.shared_wavefronts += wavefronts.taken;
  counters.shared_wavefronts_minimum += wavefronts.minimum;
  const std::uint64_t base = cta.shared_bias();
  for (std::uint64_t& address : addresses.value) {
    address += base;
  }
  addresses.low += base;
  addresses.high += base;
  if (type != AccessType::write) {
    check_accesses(warp, op, AddressKind::shared, type, bytes, lanes, addresses);
  }
}

void CopyOwner::retire(const async::Copy& copy, std::uint32_t lanes) {
  Cta& cta = warp_->cta();
  if (cta.checker() == nullptr) {
    return;
  }
  const std::uint64_t base = cta.shared_bias();
  for_each_lane(lanes, [&](std::uint32_t lane) {
    cta.checker()->end_copy(warp_->index(), copy.pc, lane, base + copy.destination[lane],
                            copy.size_bytes);
  });
}

void CopyOwner::land(const async::Copy& copy, std::uint32_t lanes) {
  Cta& cta = warp_->cta();
  cta.grid().changed = true;
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const auto lane = lowest_lane(rest);
    std::byte* const to = cta.shared_at(copy.destination[lane]);
    const std::uint32_t bytes = copy.source_bytes[lane];
    if (bytes != 0) {
      std::memcpy(to, reinterpret_cast<const void*>(copy.source[lane]), bytes);
    }
    std::memset(to + bytes, 0, copy.size_bytes - bytes);
  }
}

}  // namespace rackproof::emulator::exec

#include "emulator/exec/memory_access.hpp"

#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

constexpr std::uint32_t kSectorBytes = 32;

/// Naturally aligned accesses of one size are the same or disjoint.
std::size_t distinct_addresses(const Addresses& addresses, std::uint32_t lanes) {
  std::array<std::uint64_t, kWarpSize> sorted;
  std::size_t count = 0;
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    sorted[count++] = addresses.value[lowest_lane(rest)];
  }
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(sorted.begin(), end);
  return static_cast<std::size_t>(std::unique(sorted.begin(), end) - sorted.begin());
}

void count_global(GridContext& grid, const Addresses& addresses, AccessType type,
                  std::uint32_t bytes, std::uint32_t lanes) {
  GridCounters& counters = grid.counters;
  const std::uint64_t active = count_lanes(lanes);
  ++counters.global_requests;
  if (type != AccessType::write) {
    counters.global_load_bytes += active * bytes;
  }
  if (type != AccessType::read) {
    counters.global_store_bytes += active * bytes;
  }
  if (addresses.contiguous) {
    const std::uint64_t first = addresses.value[0] >> 5;
    const std::uint64_t last = (addresses.value[kWarpSize - 1] + bytes - 1) >> 5;
    counters.global_sectors += last - first + 1;
    counters.global_sectors_minimum += bytes * kWarpSize / kSectorBytes;
    grid.sectors.insert(first, last);
    return;
  }
  // Where the addresses lie is hard to predict: no branches. A sector stays where it was put if the
  // next lane's is another.
  std::array<std::uint64_t, kWarpSize + 1> sectors;
  std::size_t last = 0;
  std::uint64_t previous = addresses.value[lowest_lane(lanes)];
  sectors[0] = previous >> 5;
  bool sorted = true;
  bool rising = true;  // then no two lanes share an address
  const auto visit = [&](std::uint64_t address) {
    const std::uint64_t sector = address >> 5;
    rising = rising & (address > previous);
    sorted = sorted & (address >= previous);
    last += static_cast<std::size_t>(sector != previous >> 5);
    sectors[last] = sector;
    previous = address;
  };
  if (lanes == kFullMask) {
    for (std::uint32_t lane = 1; lane < kWarpSize; ++lane) {
      visit(addresses.value[lane]);
    }
  } else {
    for_each_lane(lanes & (lanes - 1), [&](std::uint32_t lane) { visit(addresses.value[lane]); });
  }
  std::size_t count = last + 1;
  if (!sorted) {
    std::sort(sectors.begin(), sectors.begin() + static_cast<std::ptrdiff_t>(count));
    count = static_cast<std::size_t>(
        std::unique(sectors.begin(), sectors.begin() + static_cast<std::ptrdiff_t>(count)) -
        sectors.begin());
  }
  counters.global_sectors += count;
  const std::uint64_t distinct = rising ? active : distinct_addresses(addresses, lanes);
  counters.global_sectors_minimum += (distinct * bytes + kSectorBytes - 1) / kSectorBytes;
  if (sectors[count - 1] - sectors[0] == count - 1) {
    grid.sectors.insert(sectors[0], sectors[count - 1]);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    grid.sectors.insert(sectors[i]);
  }
}

void resolve_global(Warp& warp, const Op& op, AccessType type, std::uint32_t bytes,
                    std::uint32_t lanes, Addresses& addresses) {
  GridContext& grid = warp.cta().grid();
  check_alignment("global", type, bytes, lanes, addresses);
  static constexpr const char* kNames[] = {"global read", "global write", "global atomic access"};
  const char* const name = kNames[static_cast<std::size_t>(type)];
  const std::uint32_t site = warp.pc();
  if (!grid.covers(addresses.low, addresses.high - addresses.low + bytes, site)) {
    for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
      const auto lane = lowest_lane(rest);
      grid.check_global(addresses.value[lane], bytes, lane, name, site);
    }
  }
  count_global(grid, addresses, type, bytes, lanes);
  if (type != AccessType::write) {
    check_accesses(warp, op, AddressKind::global, type, bytes, lanes, addresses);
  }
}

void resolve_local(Warp& warp, AccessType type, std::uint32_t bytes, std::uint32_t lanes,
                   Addresses& addresses) {
  check_alignment("local", type, bytes, lanes, addresses);
  if (addresses.high + bytes > warp.local_bytes() || addresses.high + bytes < bytes) {
    for_each_lane(lanes, [&](std::uint32_t lane) {
      const std::uint64_t address = addresses.value[lane];
      if (address + bytes > warp.local_bytes() || address + bytes < bytes) {
        throw FaultRaised(Fault::Kind::illegal_address, lane,
                          std::string("local ") + verb(type) + " of " + std::to_string(bytes) +
                              " bytes at " + hex(address) + " is outside the thread's " +
                              std::to_string(warp.local_bytes()) + " bytes");
      }
    });
  }
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    addresses.value[lane] += reinterpret_cast<std::uintptr_t>(warp.local_memory(lane));
  }
  addresses.contiguous = false;
}

// All lanes reach for the shared memory of one CTA of the cluster.
void resolve_distributed(Warp& warp, const Op& op, AccessType type, std::uint32_t bytes,
                         std::uint32_t lanes, Addresses& addresses) {
  check_alignment("shared::cluster", type, bytes, lanes, addresses);
  Cluster& cluster = warp.cta().cluster();
  const std::uint32_t first = lowest_lane(lanes);
  const std::byte* const host = cluster.shared_at(addresses.value[first], bytes, first,
                                                  std::string("shared::cluster ") + verb(type));
  for_each_lane(lanes, [&](std::uint32_t lane) {
    (void)cluster.shared_at(addresses.value[lane], bytes, lane,
                            std::string("shared::cluster ") + verb(type));
  });
  GridCounters& counters = warp.cta().grid().counters;
  ++counters.shared_requests;
  const Wavefronts wavefronts = lane_ops().wavefronts(addresses, bytes, lanes);
  counters.shared_wavefronts += wavefronts.taken;
  counters.shared_wavefronts_minimum += wavefronts.minimum;
  counters.distributed_shared_bytes += std::uint64_t{count_lanes(lanes)} * bytes;
  const std::uint64_t shift = reinterpret_cast<std::uintptr_t>(host) - addresses.value[first];
  for (std::uint64_t& address : addresses.value) {
    address += shift;
  }
  addresses.low += shift;
  addresses.high += shift;
  if (type != AccessType::write) {
    check_accesses(warp, op, AddressKind::shared_cluster, type, bytes, lanes, addresses);
  }
}

void resolve_parameter(Warp& warp, AccessType type, std::uint32_t bytes, std::uint32_t lanes,
                       Addresses& addresses) {
  const auto& parameters = warp.cta().grid().config.parameters;
  check_alignment("parameter", type, bytes, lanes, addresses);
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    std::uint64_t& address = addresses.value[lane];
    address &= kWindowOffsetMask;
    if ((lanes >> lane & 1U) != 0 &&
        (type != AccessType::read || address + bytes > parameters.size())) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        std::string("parameter ") + verb(type) + " of " + std::to_string(bytes) +
                            " bytes at " + hex(address) + ": the kernel has " +
                            std::to_string(parameters.size()) + " bytes of parameters to read");
    }
    address += reinterpret_cast<std::uintptr_t>(parameters.data());
  }
}

}  // namespace

MemoryCopy::MemoryCopy(std::uint32_t lanes, std::uint32_t bytes, const Addresses& addresses)
    : lanes_(lanes), bytes_(bytes), addresses_(&addresses) {
  for_each_lane(lanes_, [this](std::uint32_t lane) {
    std::memcpy(copy_[lane], reinterpret_cast<const void*>(addresses_->value[lane]), bytes_);
  });
}

bool MemoryCopy::differs() const {
  bool same = true;
  for_each_lane(lanes_, [&](std::uint32_t lane) {
    same = same && std::memcmp(copy_[lane], reinterpret_cast<const void*>(addresses_->value[lane]),
                               bytes_) == 0;
  });
  return !same;
}

void set_changed(Warp& warp, bool changed) {
  warp.cta().grid().changed = changed;
}

void resolve(Warp& warp, const Op& op, AddressKind space, AccessType type, std::uint32_t bytes,
             std::uint32_t lanes, Addresses& addresses) {
  switch (space) {
    case AddressKind::shared:
      resolve_shared(warp, op, type, bytes, lanes, addresses);
      break;
    case AddressKind::shared_cluster:
      resolve_distributed(warp, op, type, bytes, lanes, addresses);
      break;
    case AddressKind::local:
      resolve_local(warp, type, bytes, lanes, addresses);
      break;
    case AddressKind::parameter:
      resolve_parameter(warp, type, bytes, lanes, addresses);
      break;
    default:
      resolve_global(warp, op, type, bytes, lanes, addresses);
      break;
  }
  if (type != AccessType::read) {
    warp.cta().grid().changed = true;
    warp.note_write(lanes);
  }
  if (warp.polls() != nullptr && type != AccessType::write) [[unlikely]] {
    const bool synchronises =
        (op.flags & op_flags::kSynchronising) != 0 || type == AccessType::atomic;
    warp.polls()->read({warp.pc() - 1, bytes, space, synchronises, 0}, lanes, addresses);
  }
}

namespace {

AddressKind split_generic(Addresses& addresses, std::uint32_t lanes, std::uint32_t bytes,
                          std::uint32_t& same) {
  const std::uint64_t window = addresses.value[lowest_lane(lanes)] >> kWindowShift;
  const AddressKind kind = classify(window << kWindowShift);
  same = lanes;
  if (addresses.low >> kWindowShift != addresses.high >> kWindowShift) {
    same = 0;
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      same |= static_cast<std::uint32_t>(addresses.value[lane] >> kWindowShift == window) << lane;
    }
    same &= lanes;
  } else if (kind == AddressKind::global) {
    return kind;
  }
  if (kind != AddressKind::global) {
    for (std::uint64_t& address : addresses.value) {
      address &= kWindowOffsetMask;
    }
  }
  lane_ops().summarise(same, bytes, addresses);
  return kind;
}

}  // namespace

AddressKind split_space(Warp& warp, AddressKind space, Addresses& addresses, std::uint32_t lanes,
                        std::uint32_t bytes, std::uint32_t& same) {
  same = lanes;
  const AddressKind kind = space == AddressKind::generic
                               ? split_generic(addresses, lanes, bytes, same)
                               : AddressKind::shared;
  if (kind != AddressKind::shared) {
    return kind;
  }
  const std::uint64_t rank = addresses.value[lowest_lane(same)] >> kClusterRankShift;
  if (addresses.low >> kClusterRankShift != addresses.high >> kClusterRankShift) {
    for_each_lane(same, [&](std::uint32_t lane) {
      same &=
          ~(static_cast<std::uint32_t>(addresses.value[lane] >> kClusterRankShift != rank) << lane);
    });
    lane_ops().summarise(same, bytes, addresses);
  }
  return rank == warp.cta().rank() ? AddressKind::shared : AddressKind::shared_cluster;
}

}  // namespace rackproof::emulator::exec

#include "emulator/exec/memory_access.hpp"

#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

const char* verb(AccessType type) {
  switch (type) {
    case AccessType::read:
      return "read";
    case AccessType::write:
      return "write";
    default:
      return "atomic access";
  }
}

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

[[noreturn]] void misaligned(const char* space, AccessType type, std::uint32_t bytes,
                             std::uint64_t address, std::uint32_t lane) {
  throw FaultRaised(Fault::Kind::misaligned_address, lane,
                    std::string(space) + " " + verb(type) + " of " + std::to_string(bytes) +
                        " bytes at " + hex(address) + " is not aligned to its size");
}

void check_alignment(const char* space, AccessType type, std::uint32_t bytes, std::uint32_t lanes,
                     const Addresses& addresses) {
  if ((addresses.bits & (bytes - 1)) == 0) [[likely]] {
    return;
  }
  for_each_lane(lanes, [&](std::uint32_t lane) {
    if ((addresses.value[lane] & (bytes - 1)) != 0) {
      misaligned(space, type, bytes, addresses.value[lane], lane);
    }
  });
}

void count_global(GridContext& grid, const Addresses& addresses, AccessType type,
                  std::uint32_t bytes, std::uint32_t lanes) {
  GridCounters& counters = grid.counters;
  const auto active = static_cast<std::uint64_t>(std::popcount(lanes));
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
    grid.sectors.insert(first, last);
    return;
  }
  std::array<std::uint64_t, kWarpSize> sectors;
  std::size_t count = 0;
  std::uint64_t previous = ~std::uint64_t{0};
  bool sorted = true;
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const std::uint64_t sector = addresses.value[lowest_lane(rest)] >> 5;
    if (count != 0 && sector == previous) {
      continue;
    }
    sorted = sorted && (count == 0 || sector > previous);
    sectors[count++] = sector;
    previous = sector;
  }
  if (!sorted) {
    std::sort(sectors.begin(), sectors.begin() + static_cast<std::ptrdiff_t>(count));
    count = static_cast<std::size_t>(
        std::unique(sectors.begin(), sectors.begin() + static_cast<std::ptrdiff_t>(count)) -
        sectors.begin());
  }
  counters.global_sectors += count;
  for (std::size_t i = 0; i < count; ++i) {
    grid.sectors.insert(sectors[i]);
  }
}

void resolve_global(Warp& warp, AccessType type, std::uint32_t bytes, std::uint32_t lanes,
                    Addresses& addresses) {
  GridContext& grid = warp.cta().grid();
  check_alignment("global", type, bytes, lanes, addresses);
  static constexpr const char* kNames[] = {"global read", "global write", "global atomic access"};
  const char* const name = kNames[static_cast<std::size_t>(type)];
  if (!grid.covers(addresses.low, addresses.high - addresses.low + bytes)) {
    for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
      const auto lane = lowest_lane(rest);
      grid.check_global(addresses.value[lane], bytes, lane, name);
    }
  }
  count_global(grid, addresses, type, bytes, lanes);
}

[[noreturn]] void raise(Warp& warp, const SharedFinding& finding, AccessType type,
                        std::uint32_t bytes, std::uint32_t lane) {
  const Cta& cta = warp.cta();
  const auto describe_other = [&] {
    const auto& kernel = warp.kernel();
    const auto thread = finding.other.warp * kWarpSize + finding.other.lane;
    return "thread " + std::to_string(thread) + " at " +
           describe_location(*warp.cta().grid().module, kernel.source[finding.other.pc]->where);
  };
  const std::string access = std::string("shared ") + verb(type) + " of " + std::to_string(bytes) +
                             " bytes at " + hex(finding.address) + " (of " +
                             std::to_string(cta.shared_end()) + ")";
  switch (finding.kind) {
    case SharedFinding::Kind::uninitialised:
      throw FaultRaised(Fault::Kind::uninitialised_shared, lane,
                        access + " reads what nobody wrote");
    case SharedFinding::Kind::copy_in_flight:
      throw FaultRaised(Fault::Kind::shared_race, lane,
                        access + " is not ordered after the cp.async of " + describe_other() +
                            " (wait for the copy, then synchronise)");
    default: {
      const char* earlier =
          finding.kind == SharedFinding::Kind::write_after_read ? "read" : "write";
      throw FaultRaised(Fault::Kind::shared_race, lane,
                        access + " is not ordered after the " + earlier + " by " +
                            describe_other() + " (a barrier is missing)");
    }
  }
}

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
                              " bytes at " + hex(address) +
                              " is outside the CTA's shared memory [" + hex(cta.shared_base()) +
                              ", " + hex(cta.shared_end()) + ")");
      }
    }
  }
  GridCounters& counters = cta.grid().counters;
  ++counters.shared_requests;
  counters.shared_wavefronts += count_wavefronts(addresses, bytes, lanes);
  SharedChecker* const checker = cta.checker();
  const bool synchronising =
      type == AccessType::atomic || (op.flags & op_flags::kSynchronising) != 0;
  // Plain writes are checked by note_shared_write(), which knows whether they change anything.
  if (checker != nullptr && (type == AccessType::read || synchronising)) {
    // Lanes that read one word are noted as one read by several lanes.
    const bool broadcast = addresses.uniform && type == AccessType::read && !synchronising;
    for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
      const auto lane = lowest_lane(rest);
      rest = broadcast && rest != lanes ? rest & (0U - rest) : rest;
      const Accessor who{warp.index(), lane, warp.pc() - 1};
      const auto address = static_cast<std::uint32_t>(addresses.value[lane]);
      if (synchronising) {
        checker->synchronise(who, address, bytes, type != AccessType::read);
        continue;
      }
      if (const auto finding = checker->read(who, address, bytes);
          finding.kind != SharedFinding::Kind::none) {
        raise(warp, finding, type, bytes, lane);
      }
    }
  }
  const auto base = reinterpret_cast<std::uintptr_t>(cta.shared());
  for (std::uint64_t& address : addresses.value) {
    address += base;
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

void resolve(Warp& warp, const Op& op, AddressKind space, AccessType type, std::uint32_t bytes,
             std::uint32_t lanes, Addresses& addresses) {
  switch (space) {
    case AddressKind::shared:
      resolve_shared(warp, op, type, bytes, lanes, addresses);
      return;
    case AddressKind::local:
      resolve_local(warp, type, bytes, lanes, addresses);
      return;
    case AddressKind::parameter:
      resolve_parameter(warp, type, bytes, lanes, addresses);
      return;
    default:
      resolve_global(warp, type, bytes, lanes, addresses);
      return;
  }
}

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

void note_shared_write(Warp& warp, std::uint32_t lane, std::uint32_t address, std::uint32_t bytes,
                       bool same_value) {
  SharedChecker* const checker = warp.cta().checker();
  if (checker == nullptr) {
    return;
  }
  const Accessor who{warp.index(), lane, warp.pc() - 1};
  if (const auto finding = checker->write(who, address, bytes, same_value);
      finding.kind != SharedFinding::Kind::none) {
    raise(warp, finding, AccessType::write, bytes, lane);
  }
}

void begin_shared_copy(Warp& warp, std::uint32_t lane, std::uint32_t address, std::uint32_t bytes) {
  SharedChecker* const checker = warp.cta().checker();
  if (checker == nullptr) {
    return;
  }
  const Accessor who{warp.index(), lane, warp.pc() - 1};
  if (const auto finding = checker->begin_copy(who, address, bytes);
      finding.kind != SharedFinding::Kind::none) {
    raise(warp, finding, AccessType::write, bytes, lane);
  }
}

void CopyOwner::retire(const async::Copy& copy, std::uint32_t lanes) {
  SharedChecker* const checker = warp_->cta().checker();
  for (std::uint32_t rest = checker == nullptr ? 0 : lanes; rest != 0; rest &= rest - 1) {
    const auto lane = lowest_lane(rest);
    checker->end_copy({warp_->index(), lane, warp_->pc() - 1}, copy.destination[lane],
                      copy.size_bytes);
  }
}

void CopyOwner::land(const async::Copy& copy, std::uint32_t lanes) {
  Cta& cta = warp_->cta();
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const auto lane = lowest_lane(rest);
    std::byte* const to = cta.shared() + copy.destination[lane];
    const std::uint32_t bytes = copy.source_bytes[lane];
    if (bytes != 0) {
      std::memcpy(to, reinterpret_cast<const void*>(copy.source[lane]), bytes);
    }
    std::memset(to + bytes, 0, copy.size_bytes - bytes);
  }
}

std::uint32_t count_wavefronts(const Addresses& addresses, std::uint32_t bytes,
                               std::uint32_t lanes) {
  const std::uint32_t words_per_lane = bytes <= 4 ? 1 : bytes / 4;
  const std::uint32_t phases = words_per_lane;
  if (addresses.contiguous && bytes >= 4) {
    return phases;
  }
  const std::uint32_t lanes_per_phase = kWarpSize / phases;
  const std::uint32_t phase_mask = lanes_per_phase == 32 ? kFullMask : (1U << lanes_per_phase) - 1;
  std::uint32_t total = 0;
  for (std::uint32_t phase = 0; phase < phases; ++phase) {
    const std::uint32_t active = lanes >> (phase * lanes_per_phase) & phase_mask;
    if (active == 0) {
      continue;
    }
    if (addresses.uniform) {
      ++total;
      continue;
    }
    std::array<std::uint32_t, 32> first_word;
    std::uint32_t seen = 0;
    std::uint32_t worst = 1;
    std::array<std::uint32_t, 32> extra_words;  // those that found their bank taken
    std::uint32_t extras = 0;
    const auto touch = [&](std::uint32_t word) {
      const std::uint32_t bank = word & 31;
      if ((seen >> bank & 1U) == 0) {
        seen |= 1U << bank;
        first_word[bank] = word;
        return;
      }
      if (first_word[bank] == word) {
        return;
      }
      std::uint32_t distinct = 2;
      for (std::uint32_t k = 0; k < extras; ++k) {
        if (extra_words[k] == word) {
          return;
        }
        distinct += static_cast<std::uint32_t>((extra_words[k] & 31) == bank);
      }
      extra_words[extras++] = word;
      worst = std::max(worst, distinct);
    };
    for_each_lane(active << (phase * lanes_per_phase), [&](std::uint32_t lane) {
      const auto word = static_cast<std::uint32_t>(addresses.value[lane] >> 2);
      for (std::uint32_t i = 0; i < words_per_lane; ++i) {
        touch(word + i);
      }
    });
    total += worst;
  }
  return total;
}

}  // namespace rackproof::emulator::exec

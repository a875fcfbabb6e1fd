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
                              " bytes at " + hex(address) +
                              " is outside the CTA's shared memory [" + hex(cta.shared_base()) +
                              ", " + hex(cta.shared_end()) + ")");
      }
    }
  }
  GridCounters& counters = cta.grid().counters;
  ++counters.shared_requests;
  const Wavefronts wavefronts = count_wavefronts(addresses, bytes, lanes);
  counters.shared_wavefronts += wavefronts.taken;
  counters.shared_wavefronts_minimum += wavefronts.minimum;
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

Wavefronts count_wavefronts(const Addresses& addresses, std::uint32_t bytes, std::uint32_t lanes) {
  const std::uint32_t words_per_lane = bytes <= 4 ? 1 : bytes / 4;
  const std::uint32_t phases = words_per_lane;
  if (addresses.contiguous && bytes >= 4) {
    return {phases, phases};
  }
  const std::uint32_t lanes_per_phase = kWarpSize / phases;
  const std::uint32_t phase_mask = lanes_per_phase == 32 ? kFullMask : (1U << lanes_per_phase) - 1;
  Wavefronts total;
  for (std::uint32_t phase = 0; phase < phases; ++phase) {
    const std::uint32_t active = lanes >> (phase * lanes_per_phase) & phase_mask;
    if (active == 0) {
      continue;
    }
    ++total.minimum;
    if (addresses.uniform) {
      ++total.taken;
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
    total.taken += worst;
  }
  return total;
}

}  // namespace rackproof::emulator::exec

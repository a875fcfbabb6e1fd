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
  const Wavefronts wavefronts = count_wavefronts(addresses, bytes, lanes);
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

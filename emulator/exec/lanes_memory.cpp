// Addresses of a memory instruction, and vectors of words between memory order and registers.
#include "emulator/exec/lane_support.hpp"

namespace rackproof::emulator::exec::RACKPROOF_LANES {

void compute_addresses(const LaneContext& lanes, const Op& op, uint32_t mask, uint32_t bytes,
                       Addresses& addresses) {
  const auto offset = static_cast<uint64_t>(op.immediate);
  uint64_t* const value = addresses.value;
  if ((op.mode & kWideAddressMode) != 0) {
    const auto* words = source<uint64_t>(lanes, op.a);
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      value[lane] = words[lane] + offset;
    }
  } else {
    const auto* words = source<uint32_t>(lanes, op.a);
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      value[lane] = static_cast<uint32_t>(words[lane] + offset);
    }
  }
  summarise_addresses(mask, bytes, addresses);
}

void summarise_addresses(uint32_t mask, uint32_t bytes, Addresses& addresses) {
  uint64_t* const value = addresses.value;
  const uint64_t first = value[std::countr_zero(mask)];
  if (mask != kFullMask) {
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      value[lane] = (mask >> lane & 1U) != 0 ? value[lane] : first;
    }
  }
  uint64_t low = first;
  uint64_t high = first;
  uint64_t bits = 0;
  uint64_t uneven = 0;
  uint64_t apart = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const uint64_t address = value[lane];
    low = address < low ? address : low;
    high = address > high ? address : high;
    bits |= address;
    uneven |= address ^ (value[0] + uint64_t{lane} * bytes);
    apart |= address ^ first;
  }
  addresses.low = low;
  addresses.high = high;
  addresses.bits = bits;
  addresses.contiguous = uneven == 0 && mask == kFullMask;
  addresses.uniform = apart == 0;
}

namespace {

template <uint32_t kCount>
void to_rows(const uint32_t* block, uint32_t* const* rows, uint32_t mask) {
  for (uint32_t i = 0; i < kCount; ++i) {
    if (rows[i] == nullptr) {
      continue;
    }
    alignas(64) uint32_t result[kWarpSize];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      result[lane] = block[lane * kCount + i];
    }
    commit(rows[i], result, mask);
  }
}
template <uint32_t kCount>
void from_rows(uint32_t* block, const uint32_t* const* rows) {
  for (uint32_t i = 0; i < kCount; ++i) {
    const uint32_t* const row = rows[i];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      block[lane * kCount + i] = row[lane];
    }
  }
}

}  // namespace

void words_to_rows(const uint32_t* block, uint32_t* const* rows, uint32_t count, uint32_t mask) {
  switch (count) {
    case 1:
      to_rows<1>(block, rows, mask);
      break;
    case 2:
      to_rows<2>(block, rows, mask);
      break;
    default:
      to_rows<4>(block, rows, mask);
      break;
  }
}
void rows_to_words(uint32_t* block, const uint32_t* const* rows, uint32_t count) {
  switch (count) {
    case 1:
      from_rows<1>(block, rows);
      break;
    case 2:
      from_rows<2>(block, rows);
      break;
    default:
      from_rows<4>(block, rows);
      break;
  }
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

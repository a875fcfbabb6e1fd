// ldmatrix, stmatrix and movmatrix: PTX ISA 9.0, section 9.7.14.5.
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <array>
#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

using Rows = std::array<std::array<std::uint16_t, 8>, 8>;

// The word of thread `lane` in an 8x8 matrix of 16-bit elements.
std::uint32_t fragment_word(const Rows& rows, std::uint32_t lane, bool transposed) {
  const std::uint32_t group = lane / 4;
  const std::uint32_t pair = 2 * (lane % 4);
  const std::uint32_t low = transposed ? rows[pair][group] : rows[group][pair];
  const std::uint32_t high = transposed ? rows[pair + 1][group] : rows[group][pair + 1];
  return low | high << 16;
}

// Lanes whose addresses count: one a row, 8 rows a register. m16n16 has two registers and 16 rows.
std::uint32_t row_lanes(const Op& op) {
  return op.list_size >= 4 ? kFullMask : (1U << (8 * op.list_size)) - 1;
}

// Shared addresses of the rows; generic addresses must point to shared memory.
void row_addresses(Warp& warp, const Op& op, AccessType type, Addresses& addresses) {
  const std::uint32_t used = row_lanes(op);
  lane_ops().addresses(warp, op, used, 16, addresses);
  if (static_cast<AddressKind>(op.space) == AddressKind::generic) {
    std::uint32_t same = 0;
    if (split_space(warp, AddressKind::generic, addresses, used, 16, same) != AddressKind::shared ||
        same != used) {
      throw FaultRaised(Fault::Kind::illegal_address, lowest_lane(used & ~same),
                        "matrix rows must lie in shared memory");
    }
  }
  resolve(warp, op, AddressKind::shared, type, 16, used, addresses);
}

using Bytes = std::array<std::uint8_t, 16>;

// Sixteen elements of 6 or 4 bits, lowest bits first, one a byte.
Bytes widen_elements(const Bytes& packed, std::uint32_t bits) {
  Bytes result;
  for (std::uint32_t i = 0; i < 16; ++i) {
    const std::uint32_t bit = i * bits;
    const std::uint32_t low = packed[bit / 8];
    const std::uint32_t both = low | static_cast<std::uint32_t>(packed[bit / 8 + 1]) << 8;
    result[i] = static_cast<std::uint8_t>(both >> (bit % 8) & ((1U << bits) - 1));
  }
  return result;
}

Bytes load_elements(const Op& op, std::uint64_t address) {
  Bytes row;
  std::memcpy(row.data(), reinterpret_cast<const void*>(address), row.size());
  return (op.mode & matrix_mode::kSixBits) != 0    ? widen_elements(row, 6)
         : (op.mode & matrix_mode::kFourBits) != 0 ? widen_elements(row, 4)
                                                   : row;
}

// m16n16 of bytes, transposed: thread t has elements 4 (t % 4) to + 3 of columns t / 4 and + 8.
void load_byte_matrices(Warp& warp, const Op& op, const Addresses& addresses) {
  for (std::uint32_t matrix = 0; matrix < op.list_size / 2; ++matrix) {
    std::array<Bytes, 16> rows;
    for (std::uint32_t i = 0; i < 16; ++i) {
      rows[i] = load_elements(op, addresses.value[16 * matrix + i]);
    }
    for (std::uint32_t half = 0; half < 2; ++half) {
      const Ref ref = warp.kernel().refs[op.list + 2 * matrix + half];
      auto* const dst = register_row<std::uint32_t>(warp, ref);
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        std::uint32_t word = 0;
        for (std::uint32_t k = 4; k-- > 0;) {
          word = word << 8 | rows[lane % 4 * 4 + k][lane / 4 + 8 * half];
        }
        dst[lane] = word;
      }
    }
  }
}

// m16n8 of bytes, transposed: a thread has two neighbours of rows t / 4 and t / 4 + 8.
void store_byte_matrix(const std::uint32_t* source, Bytes* rows) {
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    for (std::uint32_t k = 0; k < 4; ++k) {
      rows[lane % 4 * 2 + k % 2][lane / 4 + k / 2 * 8] =
          static_cast<std::uint8_t>(source[lane] >> (8 * k));
    }
  }
}

}  // namespace

void load_matrix(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "ldmatrix")) {
    return;
  }
  Addresses addresses;
  row_addresses(warp, op, AccessType::read, addresses);
  if ((op.mode & matrix_mode::kBytes) != 0) {
    load_byte_matrices(warp, op, addresses);
    return;
  }
  const bool transposed = (op.mode & matrix_mode::kTransposed) != 0;
  for (std::uint32_t matrix = 0; matrix < op.list_size; ++matrix) {
    Rows rows;
    for (std::uint32_t i = 0; i < 8; ++i) {
      const Bytes row = load_elements(op, addresses.value[8 * matrix + i]);
      std::memcpy(rows[i].data(), row.data(), row.size());
    }
    // Addresses and destinations may share a register: all addresses were read before.
    auto* const dst = register_row<std::uint32_t>(lanes, warp.kernel().refs[op.list + matrix]);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      dst[lane] = fragment_word(rows, lane, transposed);
    }
  }
}

void store_matrix(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "stmatrix")) {
    return;
  }
  Addresses addresses;
  row_addresses(warp, op, AccessType::write, addresses);
  const bool transposed = (op.mode & matrix_mode::kTransposed) != 0;
  std::array<Rows, 4> stored;
  for (std::uint32_t matrix = 0; matrix < op.list_size; ++matrix) {
    const auto* source = register_row<std::uint32_t>(lanes, warp.kernel().refs[op.list + matrix]);
    Rows& rows = stored[matrix];
    if ((op.mode & matrix_mode::kBytes) != 0) {
      std::array<Bytes, 8> bytes;
      store_byte_matrix(source, bytes.data());
      std::memcpy(rows.data(), bytes.data(), sizeof bytes);
      continue;
    }
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t group = lane / 4;
      const std::uint32_t pair = 2 * (lane % 4);
      (transposed ? rows[pair][group] : rows[group][pair]) =
          static_cast<std::uint16_t>(source[lane]);
      (transposed ? rows[pair + 1][group] : rows[group][pair + 1]) =
          static_cast<std::uint16_t>(source[lane] >> 16);
    }
  }
  const std::uint32_t used = row_lanes(op);
  check_accesses(warp, op, AddressKind::shared, AccessType::write, 16, used, addresses,
                 stored.data(), 16);
  for_each_lane(used, [&](std::uint32_t lane) {
    std::memcpy(reinterpret_cast<void*>(addresses.value[lane]), stored[lane / 8][lane % 8].data(),
                16);
  });
}

void move_matrix(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "movmatrix")) {
    return;
  }
  const auto* source = register_row<std::uint32_t>(lanes, op.a);
  Rows rows;
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    rows[lane / 4][2 * (lane % 4)] = static_cast<std::uint16_t>(source[lane]);
    rows[lane / 4][2 * (lane % 4) + 1] = static_cast<std::uint16_t>(source[lane] >> 16);
  }
  auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    dst[lane] = fragment_word(rows, lane, true);
  }
}

}  // namespace rackproof::emulator::exec

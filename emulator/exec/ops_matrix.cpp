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

// Shared addresses of the rows; generic addresses must point to shared memory.
void row_addresses(Warp& warp, const Op& op, AccessType type, Addresses& addresses) {
  const std::uint32_t used = op.list_size >= 4 ? kFullMask : (1U << (8 * op.list_size)) - 1;
  lane_ops().addresses(warp, op, used, 16, addresses);
  if (static_cast<AddressKind>(op.space) == AddressKind::generic) {
    std::uint32_t same = 0;
    if (split_generic(addresses, used, 16, same) != AddressKind::shared || same != used) {
      throw FaultRaised(Fault::Kind::illegal_address, lowest_lane(used & ~same),
                        "matrix rows must lie in shared memory");
    }
  }
  resolve(warp, op, AddressKind::shared, type, 16, used, addresses);
}

}  // namespace

void load_matrix(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "ldmatrix")) {
    return;
  }
  Addresses addresses;
  row_addresses(warp, op, AccessType::read, addresses);
  const bool transposed = (op.mode & 1) != 0;
  for (std::uint32_t matrix = 0; matrix < op.list_size; ++matrix) {
    Rows rows;
    for (std::uint32_t i = 0; i < 8; ++i) {
      std::memcpy(rows[i].data(), reinterpret_cast<const void*>(addresses.value[8 * matrix + i]),
                  16);
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
  const bool transposed = (op.mode & 1) != 0;
  std::array<Rows, 4> stored;
  for (std::uint32_t matrix = 0; matrix < op.list_size; ++matrix) {
    const auto* source = register_row<std::uint32_t>(lanes, warp.kernel().refs[op.list + matrix]);
    Rows& rows = stored[matrix];
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t group = lane / 4;
      const std::uint32_t pair = 2 * (lane % 4);
      (transposed ? rows[pair][group] : rows[group][pair]) =
          static_cast<std::uint16_t>(source[lane]);
      (transposed ? rows[pair + 1][group] : rows[group][pair + 1]) =
          static_cast<std::uint16_t>(source[lane] >> 16);
    }
  }
  const std::uint32_t used = op.list_size >= 4 ? kFullMask : (1U << (8 * op.list_size)) - 1;
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

// ldmatrix, stmatrix, movmatrix and mma.sync: PTX ISA 9.0, section 9.7.14. The arithmetic is
// emulator/tensor's; here are the fragment layouts.
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <array>
#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

constexpr std::array<std::uint32_t, kWarpSize> all_members() {
  std::array<std::uint32_t, kWarpSize> members{};
  for (auto& member : members) {
    member = kFullMask;
  }
  return members;
}
constexpr auto kAllMembers = all_members();

// .aligned: all 32 threads execute it together. False: some are still on their way.
bool whole_warp(Warp& warp, std::uint32_t mask, const char* what) {
  if (mask == kFullMask) {
    return true;
  }
  if (warp.live() != kFullMask) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lowest_lane(mask),
                      std::string(what) + " needs all 32 threads of the warp; some have exited");
  }
  return warp.gather(kAllMembers.data(), mask) == kFullMask;
}

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
  const auto shared = reinterpret_cast<std::uintptr_t>(warp.cta().shared());
  for (std::uint32_t matrix = 0; matrix < op.list_size; ++matrix) {
    const auto* source = register_row<std::uint32_t>(lanes, warp.kernel().refs[op.list + matrix]);
    Rows rows;
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t group = lane / 4;
      const std::uint32_t pair = 2 * (lane % 4);
      (transposed ? rows[pair][group] : rows[group][pair]) =
          static_cast<std::uint16_t>(source[lane]);
      (transposed ? rows[pair + 1][group] : rows[group][pair + 1]) =
          static_cast<std::uint16_t>(source[lane] >> 16);
    }
    for (std::uint32_t i = 0; i < 8; ++i) {
      const std::uint32_t lane = 8 * matrix + i;
      auto* const to = reinterpret_cast<void*>(addresses.value[lane]);
      const bool same = std::memcmp(to, rows[i].data(), 16) == 0;
      note_shared_write(warp, lane, static_cast<std::uint32_t>(addresses.value[lane] - shared), 16,
                        same);
      std::memcpy(to, rows[i].data(), 16);
    }
  }
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

void matrix_multiply(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "mma")) {
    return;
  }
  const MmaSpec spec = MmaSpec::unpack(op.immediate);
  GridContext& grid = warp.cta().grid();
  const auto m = static_cast<std::uint32_t>(spec.shape.m);
  const auto n = static_cast<std::uint32_t>(spec.shape.n);
  const auto k = static_cast<std::uint32_t>(spec.shape.k);
  const double flops = 2.0 * m * n * k;
  std::uint32_t per_word = 2;
  switch (spec.format) {
    case tensor::Format::tf32:
      per_word = 1;
      grid.counters.mma_flops_tf32 += flops;
      break;
    case tensor::Format::e4m3:
    case tensor::Format::e5m2:
      per_word = 4;
      grid.counters.mma_flops_fp8 += flops;
      break;
    default:
      grid.counters.mma_flops_f16 += flops;
      break;
  }
  const std::uint32_t bits = 32 / per_word;
  const std::uint32_t element = per_word == 1 ? ~0U : (1U << bits) - 1;
  const bool half_sum = spec.accumulator == tensor::Accumulator::f16;
  const std::uint32_t c_words = half_sum ? 2 : 4;
  const std::uint32_t a_words = m * k / (kWarpSize * per_word);
  const std::uint32_t b_words = n * k / (kWarpSize * per_word);
  const Ref* const refs = &warp.kernel().refs[op.list];
  alignas(64) std::array<std::uint32_t, 16 * 32> a;
  alignas(64) std::array<std::uint32_t, 8 * 32> b;
  alignas(64) std::array<std::uint32_t, 16 * 8> c;
  // Register r of A holds rows group + 8 * (r % 2) and, from r = 2 on, the second half of k.
  for (std::uint32_t r = 0; r < a_words; ++r) {
    const auto* source = register_row<std::uint32_t>(lanes, refs[c_words + r]);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t at =
          (lane / 4 + 8 * (r & 1)) * k + lane % 4 * per_word + (r >> 1) * 4 * per_word;
      for (std::uint32_t j = 0; j < per_word; ++j) {
        a[at + j] = source[lane] >> (j * bits) & element;
      }
    }
  }
  for (std::uint32_t r = 0; r < b_words; ++r) {
    const auto* source = register_row<std::uint32_t>(lanes, refs[c_words + a_words + r]);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t at = lane / 4 * k + lane % 4 * per_word + r * 4 * per_word;
      for (std::uint32_t j = 0; j < per_word; ++j) {
        b[at + j] = source[lane] >> (j * bits) & element;
      }
    }
  }
  const auto position = [](std::uint32_t lane, std::uint32_t i) {
    return (lane / 4 + 8 * (i >> 1)) * 8 + lane % 4 * 2 + (i & 1);
  };
  for (std::uint32_t i = 0; i < 4; ++i) {
    const Ref ref = refs[c_words + a_words + b_words + (half_sum ? i / 2 : i)];
    const auto* source = register_row<std::uint32_t>(lanes, ref);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      c[position(lane, i)] = half_sum ? source[lane] >> (16 * (i & 1)) & 0xffff : source[lane];
    }
  }
  tensor::multiply_accumulate(grid.generation, spec.format, spec.accumulator, spec.shape, a.data(),
                              b.data(), c.data(), c.data());
  for (std::uint32_t i = 0; i < c_words; ++i) {
    if (refs[i] == kNoRef) {
      continue;
    }
    auto* const dst = register_row<std::uint32_t>(lanes, refs[i]);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      dst[lane] = half_sum ? c[position(lane, 2 * i)] | c[position(lane, 2 * i + 1)] << 16
                           : c[position(lane, i)];
    }
  }
}

}  // namespace rackproof::emulator::exec

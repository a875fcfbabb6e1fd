#pragma once
/// Tile shape and budgets of the portable attention kernel, as arithmetic with named terms.

#include <cstdint>

namespace rackproof::kernels::attention {

inline constexpr int kWarpThreads = 32;
inline constexpr int kElementBytes = 2;    ///< bf16 and fp16
inline constexpr int kMaxRegisters = 255;  ///< per thread, every architecture since sm_35
inline constexpr int kRegistersPerSm =
    65536;  ///< sm_80 to sm_103: CUDA C Programming Guide,
            ///< "Technical Specifications per Compute Capability"
/// Shared memory that the driver keeps of each resident CTA (same table, sm_80 and newer).
inline constexpr int kReservedSharedBytes = 1024;
/// Shared memory of an sm_80 SM: 164 KB, the smallest of the devices this kernel is made for.
inline constexpr int kSm80SharedBytes = 164 * 1024;

struct Sm80Config {
  int head_dim = 0;
  int query_tile = 0;  ///< rows of Q and O of one CTA
  int key_tile = 0;    ///< rows of K and V of one main-loop step
  int warps = 0;       ///< each owns query_tile / warps rows and sees all keys
  int stages = 0;      ///< ring of key_tile x head_dim tiles: K0, V0, K1, V1, ...
  int min_blocks_per_sm = 0;
  /// Q fragments stay in registers; else they are read again from shared memory at each step.
  bool query_in_registers = true;

  [[nodiscard]] constexpr int threads() const { return warps * kWarpThreads; }
  [[nodiscard]] constexpr int rows_per_warp() const { return query_tile / warps; }
  [[nodiscard]] constexpr int row_bytes() const { return head_dim * kElementBytes; }
  [[nodiscard]] constexpr int query_bytes() const { return query_tile * row_bytes(); }
  [[nodiscard]] constexpr int stage_bytes() const { return key_tile * row_bytes(); }
  [[nodiscard]] constexpr int shared_bytes() const {
    return query_bytes() + stages * stage_bytes();
  }

  // Registers of one thread: a warp holds an R x C fp32 tile in R * C / 32, a 16-bit one in half.
  [[nodiscard]] constexpr int output_registers() const {
    return rows_per_warp() * head_dim / kWarpThreads;
  }
  [[nodiscard]] constexpr int score_registers() const {
    return rows_per_warp() * key_tile / kWarpThreads;  // P replaces S, half as large
  }
  [[nodiscard]] constexpr int query_registers() const {
    const int columns = query_in_registers ? head_dim : 16;
    return rows_per_warp() * columns / 2 / kWarpThreads;
  }
  [[nodiscard]] constexpr int statistics_registers() const {
    return rows_per_warp() / 8 * 2;  // maximum and sum; a lane sees rows_per_warp / 8 rows
  }
  [[nodiscard]] constexpr int register_budget() const {
    constexpr int kKeyFragment = 4;
    constexpr int kAddressesAndCounters = 24;
    return output_registers() + score_registers() + query_registers() + statistics_registers() +
           kKeyFragment + kAddressesAndCounters;
  }

  /// CTAs on one SM with this much shared memory; registers always hold min_blocks_per_sm of them.
  [[nodiscard]] constexpr int blocks_per_sm(std::uint64_t shared_bytes_per_sm) const {
    const auto by_shared = static_cast<int>(
        shared_bytes_per_sm / static_cast<std::uint64_t>(shared_bytes() + kReservedSharedBytes));
    return by_shared < min_blocks_per_sm ? by_shared : min_blocks_per_sm;
  }
};

/// Checks a configuration; every sentence says what would break.
template <Sm80Config kConfig>
consteval bool is_valid() {
  static_assert(kConfig.head_dim % 64 == 0, "the swizzle needs rows of whole 128-byte bank lines");
  static_assert(kConfig.query_tile % (16 * kConfig.warps) == 0,
                "a warp's rows are whole m16n8k16 tiles");
  static_assert(kConfig.key_tile % 16 == 0, "P times V consumes 16 keys an instruction");
  static_assert(kConfig.stages >= 3,
                "K of the next step must be in flight while V of this one is read");
  static_assert(kConfig.threads() % (kConfig.row_bytes() / 16) == 0,
                "one pass of the CTA copies whole rows");
  static_assert(kConfig.threads() / (kConfig.row_bytes() / 16) % 8 == 0,
                "passes start at a multiple of 8 rows, so that a thread's swizzle is constant");
  static_assert(kConfig.key_tile % (kConfig.threads() / (kConfig.row_bytes() / 16)) == 0,
                "a stage is a whole number of passes");
  static_assert(kConfig.register_budget() <= kMaxRegisters,
                "accumulators, scores and fragments do not fit in a thread's registers");
  static_assert(
      kConfig.register_budget() * kConfig.threads() * kConfig.min_blocks_per_sm <= kRegistersPerSm,
      "the register file does not hold min_blocks_per_sm CTAs");
  static_assert(kConfig.blocks_per_sm(kSm80SharedBytes) == kConfig.min_blocks_per_sm,
                "shared memory of an sm_80 SM does not hold min_blocks_per_sm CTAs");
  return true;
}

/// 128 x 64 tiles; Q (32 registers) stays put. Shared: 16 KB + 4 x 8 KB.
inline constexpr Sm80Config kHeadDim64{.head_dim = 64,
                                       .query_tile = 128,
                                       .key_tile = 64,
                                       .warps = 4,
                                       .stages = 4,
                                       .min_blocks_per_sm = 2,
                                       .query_in_registers = true};
/// 32 rows a warp halve the shared-memory reads of K and V for each flop, but O and S take 192
/// registers then: Q (64 more) is read from shared memory, 8 KB against 32 KB of K and V a step.
/// Three stages, not four: two CTAs then fit in the 164 KB of an sm_80 SM.
inline constexpr Sm80Config kHeadDim128{.head_dim = 128,
                                        .query_tile = 128,
                                        .key_tile = 64,
                                        .warps = 4,
                                        .stages = 3,
                                        .min_blocks_per_sm = 2,
                                        .query_in_registers = false};
static_assert(is_valid<kHeadDim64>());
static_assert(is_valid<kHeadDim128>());

[[nodiscard]] constexpr const Sm80Config& sm80_config(std::int64_t head_dim) {
  return head_dim == 64 ? kHeadDim64 : kHeadDim128;
}

}  // namespace rackproof::kernels::attention

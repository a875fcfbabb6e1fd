#pragma once
/// Tile shapes and budgets of the portable backward kernels, as arithmetic with named terms.

#include "kernels/attention/sm80_config.hpp"

#include <cuda_runtime_api.h>

namespace rackproof::kernels::attention::backward {

/// Two stationary tiles stay in shared memory (K and V, or Q and dO), two moving ones stream past.
struct BackwardConfig {
  int head_dim = 0;
  int stationary_rows = 0;  ///< of one CTA; their gradients are its accumulators
  int moving_rows = 0;      ///< of one step
  int step_rows = 0;        ///< of moving_rows that are in registers at a time
  int warps = 0;            ///< each owns stationary_rows / warps rows
  int min_blocks_per_sm = 0;

  static constexpr int kStages = 2;           ///< of moving tiles
  static constexpr int kStatisticsBytes = 8;  ///< of one query row: lse and D

  /// The arithmetic is the forward kernel's: "queries" are stationary rows, "keys" moving ones.
  [[nodiscard]] __host__ __device__ constexpr Sm80Config tile() const {
    return {.head_dim = head_dim,
            .query_tile = stationary_rows,
            .key_tile = step_rows,
            .warps = warps,
            .stages = kStages,
            .min_blocks_per_sm = min_blocks_per_sm,
            .query_in_registers = false};
  }
  [[nodiscard]] __host__ __device__ constexpr int threads() const { return warps * kWarpThreads; }
  [[nodiscard]] __host__ __device__ constexpr int rows_per_warp() const {
    return stationary_rows / warps;
  }
  [[nodiscard]] __host__ __device__ constexpr int row_bytes() const {
    return head_dim * kElementBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int stationary_bytes() const {
    return stationary_rows * row_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int moving_bytes() const {
    return moving_rows * row_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int statistics_bytes() const {
    return moving_rows * kStatisticsBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int stage_bytes() const {
    return 2 * moving_bytes() + statistics_bytes();
  }
  /// dS^T of one step, keys x queries, where dQ is computed along.
  [[nodiscard]] __host__ __device__ constexpr int exchange_bytes() const {
    return stationary_rows * moving_rows * kElementBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int shared_bytes(bool exchange) const {
    return 2 * stationary_bytes() + kStages * stage_bytes() + (exchange ? exchange_bytes() : 0);
  }

  // Registers of one thread: a warp holds an R x C fp32 tile in R * C / 32, a 16-bit one in half.
  [[nodiscard]] constexpr int accumulator_registers(int arrays) const {
    return arrays * rows_per_warp() * head_dim / kWarpThreads;
  }
  [[nodiscard]] constexpr int score_registers() const {
    return 2 * rows_per_warp() * step_rows / kWarpThreads;  // S and dP; P and dS replace them
  }
  /// While dK and dV are accumulated, the larger of the two needs.
  [[nodiscard]] constexpr int register_budget() const {
    constexpr int kFragments = 12;  // an operand of each row tile and one of the moving tile
    constexpr int kAddressesAndCounters = 32;
    return accumulator_registers(2) + score_registers() + kFragments + kAddressesAndCounters;
  }
};

template <BackwardConfig kConfig>
consteval bool is_valid() {
  static_assert(kConfig.head_dim % 64 == 0, "the swizzle needs rows of whole 128-byte bank lines");
  static_assert(kConfig.rows_per_warp() % 16 == 0, "a warp's rows are whole m16n8k16 tiles");
  static_assert(kConfig.step_rows % 16 == 0, "gradients consume 16 moving rows an instruction");
  static_assert(kConfig.moving_rows % kConfig.step_rows == 0, "a tile is a whole number of steps");
  static_assert(kConfig.moving_rows == 64,
                "dQ of a step is cut into four blocks of 16 rows, and dS^T has rows of 128 bytes");
  static_assert(kConfig.warps % 4 == 0 && kConfig.head_dim / (kConfig.warps / 4) == 64,
                "a warp computes 16 rows x 64 columns of dQ");
  static_assert(kConfig.threads() / (kConfig.row_bytes() / 16) % 8 == 0,
                "passes start at a multiple of 8 rows, so that a thread's swizzle is constant");
  static_assert(kConfig.threads() * 16 >= kConfig.statistics_bytes(),
                "one pass of the CTA copies the statistics");
  static_assert(kConfig.register_budget() <= kMaxRegisters,
                "accumulators, scores and fragments do not fit in a thread's registers");
  static_assert(
      kConfig.register_budget() * kConfig.threads() * kConfig.min_blocks_per_sm <= kRegistersPerSm,
      "the register file does not hold min_blocks_per_sm CTAs");
  static_assert(kConfig.min_blocks_per_sm * (kConfig.shared_bytes(true) + kReservedSharedBytes) <=
                    kSm80SharedBytes,
                "shared memory of an sm_80 SM does not hold min_blocks_per_sm CTAs");
  return true;
}

/// 32 rows a warp: every fragment of a moving tile feeds two MMAs; 32 moving rows at a time, since
/// S and dP of 64 would take the registers of both accumulators.
inline constexpr BackwardConfig kHeadDim64{.head_dim = 64,
                                           .stationary_rows = 128,
                                           .moving_rows = 64,
                                           .step_rows = 16,
                                           .warps = 4,
                                           .min_blocks_per_sm = 2};
/// dK and dV of 32 rows a warp would take all registers: 16 rows, and 8 warps for as wide a tile.
inline constexpr BackwardConfig kHeadDim128{.head_dim = 128,
                                            .stationary_rows = 128,
                                            .moving_rows = 64,
                                            .step_rows = 32,
                                            .warps = 8,
                                            .min_blocks_per_sm = 1};
static_assert(is_valid<kHeadDim64>());
static_assert(is_valid<kHeadDim128>());

[[nodiscard]] constexpr const BackwardConfig& backward_config(std::int64_t head_dim) {
  return head_dim == 64 ? kHeadDim64 : kHeadDim128;
}

}  // namespace rackproof::kernels::attention::backward

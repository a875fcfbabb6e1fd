#pragma once
/// Tile configurations of the sm_80 kernels as validated compile-time values, with their budgets.

#include <cuda_runtime_api.h>

namespace rackproof::kernels::gemm {

/// Opt-in shared memory of one block on sm_80, the smallest of the supported devices (CUDA C++
/// Programming Guide, "Compute Capabilities": 163 KB).
inline constexpr int kSharedLimitBytes = 163 * 1024;
/// Registers that one thread can address (same table).
inline constexpr int kRegisterLimit = 255;
inline constexpr int kWarpSize = 32;
/// One bank line of shared memory: 32 banks of 4 bytes.
inline constexpr int kBankLineBytes = 128;

/// CTA tile of the mma.sync kernel (16-bit operands, fp32 accumulators).
struct TensorTile {
  int tile_m = 0;
  int tile_n = 0;
  int tile_k = 0;
  int warp_m = 0;  ///< part of the tile that one warp computes
  int warp_n = 0;
  int stages = 0;             ///< depth of the cp.async pipeline
  int min_blocks_per_sm = 1;  ///< for __launch_bounds__

  static constexpr int kElementBytes = 2;
  static constexpr int kMmaM = 16;
  static constexpr int kMmaN = 8;
  static constexpr int kMmaK = 16;

  [[nodiscard]] __host__ __device__ constexpr int warps_n() const { return tile_n / warp_n; }
  [[nodiscard]] __host__ __device__ constexpr int warps() const {
    return tile_m / warp_m * warps_n();
  }
  [[nodiscard]] __host__ __device__ constexpr int threads() const { return warps() * kWarpSize; }

  [[nodiscard]] __host__ __device__ constexpr int row_bytes() const {
    return tile_k * kElementBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int a_stage_bytes() const {
    return tile_m * row_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int b_stage_bytes() const {
    return tile_n * row_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int stage_bytes() const {
    return a_stage_bytes() + b_stage_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int pipeline_bytes() const {
    return stages * stage_bytes();
  }
  /// Each warp stages one row of MMA tiles in fp32; the pipeline's memory is reused for it.
  [[nodiscard]] __host__ __device__ constexpr int warp_staging_bytes() const {
    return kMmaM * warp_n * static_cast<int>(sizeof(float));
  }
  [[nodiscard]] __host__ __device__ constexpr int epilogue_bytes() const {
    return warps() * warp_staging_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int shared_bytes() const {
    return pipeline_bytes() > epilogue_bytes() ? pipeline_bytes() : epilogue_bytes();
  }

  [[nodiscard]] __host__ __device__ constexpr int accumulator_registers() const {
    return warp_m * warp_n / kWarpSize;
  }
  /// A and B fragments of one k-step, 2 elements a register, double buffered.
  [[nodiscard]] __host__ __device__ constexpr int fragment_registers() const {
    constexpr int kBuffers = 2;
    return kBuffers * (warp_m + warp_n) * kMmaK / kWarpSize / 2;
  }
  /// Addresses, loop counters, predicates; an estimate that ptxas confirms by not spilling.
  static constexpr int kAddressRegisters = 40;
  [[nodiscard]] __host__ __device__ constexpr int register_budget() const {
    return accumulator_registers() + fragment_registers() + kAddressRegisters;
  }
};

/// Instantiating this with a tile proves it legal, or says what is wrong.
template <TensorTile Tile>
struct ValidTensorTile {
  static_assert(Tile.tile_m % Tile.warp_m == 0 && Tile.tile_n % Tile.warp_n == 0,
                "whole warp tiles must cover the CTA tile");
  static_assert(Tile.warp_m % TensorTile::kMmaM == 0, "a warp computes whole m16 tiles");
  static_assert(Tile.warp_n == 64,
                "the epilogue stages rows of 64 columns: one 128-byte line of 16-bit results");
  static_assert(Tile.row_bytes() == kBankLineBytes,
                "the XOR swizzle and the fragment addresses assume rows of one bank line");
  static_assert(Tile.stages >= 2, "one stage is computed while another one is filled");
  static_assert(Tile.shared_bytes() <= kSharedLimitBytes, "sm_80 offers 163 KB to one block");
  static_assert(Tile.min_blocks_per_sm * (Tile.shared_bytes() + 1024) <= kSharedLimitBytes + 1024,
                "the promised number of blocks must fit the SM (1 KB of each is reserved)");
  static_assert(Tile.register_budget() <= kRegisterLimit, "more registers would spill");
  static constexpr bool kValue = true;
};

/// CTA tile of the fp32 kernel (FFMA).
struct SimtTile {
  int tile_m = 0;
  int tile_n = 0;
  int tile_k = 0;
  int warp_m = 0;
  int warp_n = 0;
  int stages = 0;
  int min_blocks_per_sm = 1;

  static constexpr int kElementBytes = 4;
  static constexpr int kLanesM = 4;  ///< arrangement of a warp's lanes over its tile
  static constexpr int kLanesN = 8;
  static constexpr int kRowStep = 8;  ///< distance of a lane's rows and columns
  static constexpr int kVector = 4;   ///< k-values in one 16-byte shared-memory read

  [[nodiscard]] __host__ __device__ constexpr int warps_n() const { return tile_n / warp_n; }
  [[nodiscard]] __host__ __device__ constexpr int warps() const {
    return tile_m / warp_m * warps_n();
  }
  [[nodiscard]] __host__ __device__ constexpr int threads() const { return warps() * kWarpSize; }
  [[nodiscard]] __host__ __device__ constexpr int thread_m() const { return warp_m / kLanesM; }
  [[nodiscard]] __host__ __device__ constexpr int thread_n() const { return warp_n / kLanesN; }

  [[nodiscard]] __host__ __device__ constexpr int row_bytes() const {
    return tile_k * kElementBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int a_stage_bytes() const {
    return tile_m * row_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int b_stage_bytes() const {
    return tile_n * row_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int stage_bytes() const {
    return a_stage_bytes() + b_stage_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int shared_bytes() const {
    return stages * stage_bytes();
  }

  /// Accumulators, four k-values of every A row of the thread, and of one B row.
  [[nodiscard]] __host__ __device__ constexpr int register_budget() const {
    constexpr int kAddressRegisters = 20;
    return thread_m() * thread_n() + thread_m() * kVector + kVector + kAddressRegisters;
  }
};

template <SimtTile Tile>
struct ValidSimtTile {
  static_assert(Tile.tile_m % Tile.warp_m == 0 && Tile.tile_n % Tile.warp_n == 0,
                "whole warp tiles must cover the CTA tile");
  static_assert(Tile.warp_m % SimtTile::kLanesM == 0 && Tile.warp_n % SimtTile::kLanesN == 0,
                "every lane computes the same number of elements");
  static_assert(SimtTile::kLanesN == SimtTile::kRowStep && Tile.tile_m % (2 * Tile.warp_m) == 0 &&
                    2 * SimtTile::kLanesM == SimtTile::kRowStep,
                "a warp covers all columns, two warps together cover all rows");
  static_assert(Tile.row_bytes() == 64 || Tile.row_bytes() == kBankLineBytes,
                "the XOR swizzle is defined for rows of half a bank line or a whole one");
  static_assert(Tile.stages >= 2, "one stage is computed while another one is filled");
  static_assert(Tile.min_blocks_per_sm * (Tile.shared_bytes() + 1024) <= kSharedLimitBytes + 1024,
                "the promised number of blocks must fit the SM (1 KB of each is reserved)");
  static_assert(Tile.min_blocks_per_sm * Tile.threads() * Tile.register_budget() <= 65536,
                "the promised number of blocks must fit the register file");
  static constexpr bool kValue = true;
};

}  // namespace rackproof::kernels::gemm

#pragma once
/// Tile configurations of the GEMM kernels as validated compile-time values, with their budgets.

#include <cuda_runtime_api.h>

namespace rackproof::kernels::gemm {

/// Opt-in shared memory of one block on sm_80, the smallest of the supported devices (CUDA C++
/// Programming Guide, "Compute Capabilities": 163 KB).
inline constexpr int kSharedLimitBytes = 163 * 1024;
/// Of an SM's shared memory, what the system takes for each block (same table).
inline constexpr int kReservedBytesPerBlock = 1024;
/// Registers that one thread can address, and those of an SM (same table).
inline constexpr int kRegisterLimit = 255;
inline constexpr int kRegistersPerSm = 65536;
inline constexpr int kWarpSize = 32;
/// One bank line of shared memory: 32 banks of 4 bytes.
inline constexpr int kBankLineBytes = 128;

/// The part of the result that one CTA computes, and how its warps and its pipeline share the work.
struct CtaTile {
  int tile_m = 0;
  int tile_n = 0;
  int tile_k = 0;
  int warp_m = 0;  ///< part of the tile that one warp computes
  int warp_n = 0;
  int element_bytes = 0;      ///< of A and B
  int stages = 0;             ///< depth of the cp.async pipeline
  int min_blocks_per_sm = 1;  ///< for __launch_bounds__

  [[nodiscard]] __host__ __device__ constexpr int warps_n() const { return tile_n / warp_n; }
  [[nodiscard]] __host__ __device__ constexpr int warps() const {
    return tile_m / warp_m * warps_n();
  }
  [[nodiscard]] __host__ __device__ constexpr int threads() const { return warps() * kWarpSize; }

  [[nodiscard]] __host__ __device__ constexpr int row_bytes() const {
    return tile_k * element_bytes;
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
};

/// What every kernel's tile must keep; instantiating it proves it or says what is wrong.
template <CtaTile Tile, int SharedBytes>
struct ValidCtaTile {
  static_assert(Tile.tile_m % Tile.warp_m == 0 && Tile.tile_n % Tile.warp_n == 0,
                "whole warp tiles must cover the CTA tile");
  static_assert(Tile.stages >= 2, "one stage is computed while another one is filled");
  static_assert(SharedBytes <= kSharedLimitBytes, "sm_80 offers 163 KB to one block");
  static_assert(Tile.min_blocks_per_sm * (SharedBytes + kReservedBytesPerBlock) <=
                    kSharedLimitBytes + kReservedBytesPerBlock,
                "the promised number of blocks must fit the SM");
  static constexpr bool kValue = true;
};

/// mma.sync of 32-bit accumulators: m16n8, and 32 bytes of every row of A and B a step, whatever
/// the element size (k16 of 16 bits, k8 of tf32, k32 of 8 bits).
struct TensorMma {
  static constexpr int kM = 16;
  static constexpr int kN = 8;
  static constexpr int kStepBytes = 32;
};

/// Budgets of a tile of the mma.sync kernel with 32-bit accumulators.
struct TensorBudget {
  CtaTile tile;
  /// What one instruction of a k-step needs beside the loaded operands and the sums: fp8 that is
  /// widened to fp16, or sums of its own.
  int widened_registers = 0;

  /// Each warp stages one row of MMA tiles; the pipeline's memory is reused for it.
  [[nodiscard]] __host__ __device__ constexpr int warp_staging_bytes() const {
    return TensorMma::kM * tile.warp_n * static_cast<int>(sizeof(float));
  }
  [[nodiscard]] __host__ __device__ constexpr int shared_bytes() const {
    const int epilogue_bytes = tile.warps() * warp_staging_bytes();
    return tile.pipeline_bytes() > epilogue_bytes ? tile.pipeline_bytes() : epilogue_bytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int accumulator_registers() const {
    return tile.warp_m * tile.warp_n / kWarpSize;
  }
  /// A and B fragments of one k-step, double buffered.
  [[nodiscard]] __host__ __device__ constexpr int fragment_registers() const {
    constexpr int kBuffers = 2;
    constexpr int kRegisterBytes = 4;
    return kBuffers * (tile.warp_m + tile.warp_n) * TensorMma::kStepBytes / kWarpSize /
           kRegisterBytes;
  }
  /// Addresses, loop counters, predicates; an estimate that ptxas confirms by not spilling.
  static constexpr int kAddressRegisters = 40;
  [[nodiscard]] __host__ __device__ constexpr int registers() const {
    return accumulator_registers() + fragment_registers() + widened_registers + kAddressRegisters;
  }
};

template <CtaTile Tile, int WidenedRegisters = 0>
struct ValidTensorTile {
  static constexpr TensorBudget kBudget{.tile = Tile, .widened_registers = WidenedRegisters};
  static_assert(ValidCtaTile<Tile, kBudget.shared_bytes()>::kValue);
  static_assert(Tile.warp_m % TensorMma::kM == 0, "a warp computes whole m16 tiles");
  static_assert(Tile.warp_n == 64,
                "the epilogue stages rows of 64 columns: one 128-byte line of 16-bit results");
  static_assert(Tile.row_bytes() == kBankLineBytes,
                "the XOR swizzle and the fragment addresses assume rows of one bank line");
  static_assert(kBudget.registers() <= kRegisterLimit, "more registers would spill");
  static constexpr bool kValue = true;
};

/// Arrangement of a warp's lanes in the fp32 kernel (FFMA).
struct SimtLanes {
  static constexpr int kM = 4;  ///< lanes over the rows of the warp's tile
  static constexpr int kN = 8;
  static constexpr int kRowStep = 8;  ///< distance of a lane's rows and columns
  static constexpr int kVector = 4;   ///< k-values in one 16-byte shared-memory read
};

struct SimtBudget {
  CtaTile tile;

  [[nodiscard]] __host__ __device__ constexpr int thread_m() const {
    return tile.warp_m / SimtLanes::kM;
  }
  [[nodiscard]] __host__ __device__ constexpr int thread_n() const {
    return tile.warp_n / SimtLanes::kN;
  }
  /// Accumulators, four k-values of every A row of the thread, and of one B row.
  [[nodiscard]] __host__ __device__ constexpr int registers() const {
    constexpr int kAddressRegisters = 20;
    return thread_m() * thread_n() + thread_m() * SimtLanes::kVector + SimtLanes::kVector +
           kAddressRegisters;
  }
};

template <CtaTile Tile>
struct ValidSimtTile {
  static_assert(ValidCtaTile<Tile, Tile.pipeline_bytes()>::kValue);
  static_assert(Tile.warp_m % SimtLanes::kM == 0 && Tile.warp_n % SimtLanes::kN == 0,
                "every lane computes the same number of elements");
  static_assert(SimtLanes::kN == SimtLanes::kRowStep && Tile.tile_m % (2 * Tile.warp_m) == 0 &&
                    2 * SimtLanes::kM == SimtLanes::kRowStep,
                "a warp covers all columns, two warps together cover all rows");
  static_assert(Tile.row_bytes() == 64 || Tile.row_bytes() == kBankLineBytes,
                "the XOR swizzle is defined for rows of half a bank line or a whole one");
  static_assert(Tile.min_blocks_per_sm * Tile.threads() * SimtBudget{.tile = Tile}.registers() <=
                    kRegistersPerSm,
                "the promised number of blocks must fit the register file");
  static constexpr bool kValue = true;
};

/// mma.sync m8n8k4 with fp64 accumulators. A lane's 16-byte read holds two neighbouring k of one
/// row; the first elements of four lanes feed one MMA, the second ones the next: 8 k a step.
struct Fp64Mma {
  static constexpr int kM = 8;
  static constexpr int kN = 8;
  static constexpr int kStepBytes = 64;
  static constexpr int kPerRead = 2;
};

template <CtaTile Tile>
struct ValidFp64Tile {
  static_assert(ValidCtaTile<Tile, Tile.pipeline_bytes()>::kValue);
  static_assert(Tile.warp_m % Fp64Mma::kM == 0 && Tile.warp_n % Fp64Mma::kN == 0,
                "a warp computes whole 8x8 tiles");
  static_assert(Tile.row_bytes() == kBankLineBytes,
                "the pair swizzle and the fragment addresses assume rows of one bank line");
  static constexpr int kRegistersPerValue = 2;
  static constexpr int kAccumulators = Tile.warp_m * Tile.warp_n / kWarpSize * kRegistersPerValue;
  /// All of A's fragments of a step and one of B's.
  static constexpr int kFragments =
      (Tile.warp_m / Fp64Mma::kM + 1) * Fp64Mma::kPerRead * kRegistersPerValue;
  static constexpr int kAddresses = 32;
  static_assert(Tile.min_blocks_per_sm * Tile.threads() *
                        (kAccumulators + kFragments + kAddresses) <=
                    kRegistersPerSm,
                "the promised number of blocks must fit the register file");
  static constexpr bool kValue = true;
};

}  // namespace rackproof::kernels::gemm

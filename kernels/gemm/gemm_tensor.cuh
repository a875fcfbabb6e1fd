#pragma once
/// The tensor-core kernel for all types whose accumulators have 32 bits: a cp.async pipeline,
/// ldmatrix from swizzled shared memory, fragments double buffered in registers, mma.sync. The
/// types differ in the instruction alone: a row's 32 bytes are one k-step of every one of them, and
/// ldmatrix moves bytes. README.md has the ladder and the budgets.

#include "kernels/gemm/gemm_config.hpp"
#include "kernels/gemm/gemm_epilogue.cuh"
#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/gemm_split_k.cuh"
#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/ptx/address.cuh"
#include "kernels/ptx/async_copy.cuh"
#include "kernels/ptx/ldmatrix.cuh"

namespace rackproof::kernels::gemm {

/// A kernel takes its configuration as a type: nvcc 13.0's host stubs cannot spell a class value.
/// 64x64 results a warp: 8 ldmatrix feed 32 MMAs, the fewest shared-memory bytes per flop that the
/// register file allows.
template <int ElementBytes>
struct LargeTile {
  static constexpr CtaTile kTile{.tile_m = 128,
                                 .tile_n = 256,
                                 .tile_k = kBankLineBytes / ElementBytes,
                                 .warp_m = 64,
                                 .warp_n = 64,
                                 .element_bytes = ElementBytes,
                                 .stages = 3,
                                 .min_blocks_per_sm = 1};
  static constexpr bool kSplitK = false;
  static constexpr int kMostRows = 0;
  static_assert(ValidTensorTile<kTile>::kValue);
};
/// A quarter of the large tile, for problems that would leave SMs without work.
template <int ElementBytes, int WidenedRegisters = 0>
struct SmallTile {
  static constexpr CtaTile kTile{.tile_m = 64,
                                 .tile_n = 128,
                                 .tile_k = kBankLineBytes / ElementBytes,
                                 .warp_m = 32,
                                 .warp_n = 64,
                                 .element_bytes = ElementBytes,
                                 .stages = 3,
                                 .min_blocks_per_sm = 2};
  static constexpr bool kSplitK = true;
  static constexpr int kMostRows = 0;
  static_assert(ValidTensorTile<kTile, WidenedRegisters>::kValue);
};

/// One row of MMA tiles, for problems with few rows: they are limited by reading B, and every row
/// of a tile that the matrix does not have is a wasted MMA.
template <int ElementBytes, int WidenedRegisters = 0>
struct DecodeTile {
  static constexpr CtaTile kTile{.tile_m = 16,
                                 .tile_n = 128,
                                 .tile_k = kBankLineBytes / ElementBytes,
                                 .warp_m = 16,
                                 .warp_n = 64,
                                 .element_bytes = ElementBytes,
                                 .stages = 4,
                                 .min_blocks_per_sm = 2};
  static constexpr bool kSplitK = true;
  static constexpr int kMostRows = kTile.tile_m;
  static_assert(ValidTensorTile<kTile, WidenedRegisters>::kValue);
};

/// The A and B fragments of one k-step of a warp.
template <CtaTile Tile>
struct Fragments {
  static constexpr int kTilesM = Tile.warp_m / TensorMma::kM;
  static constexpr int kPairsN = Tile.warp_n / (2 * TensorMma::kN);
  std::uint32_t a[kTilesM][4];
  std::uint32_t b[kPairsN][4];  ///< two n8 tiles each

  /// `a_lane` and `b_lane` are the lane's ldmatrix addresses at k-step 0. A k-step is two chunks,
  /// so it toggles address bits 5 and 6, which the swizzle leaves to an XOR.
  __device__ __forceinline__ void load(std::uint32_t a_lane, std::uint32_t b_lane, int k_step) {
    const std::uint32_t toggle = static_cast<std::uint32_t>(k_step) * TensorMma::kStepBytes;
#pragma unroll
    for (int i = 0; i < kTilesM; ++i) {
      ptx::ldmatrix_x4(a[i], (a_lane ^ toggle) + i * TensorMma::kM * Tile.row_bytes());
    }
#pragma unroll
    for (int j = 0; j < kPairsN; ++j) {
      ptx::ldmatrix_x4(b[j], (b_lane ^ toggle) + j * 2 * TensorMma::kN * Tile.row_bytes());
    }
  }
};

/// `Mma` is the arithmetic: types Sum and Result, kParts MMAs for each 32 bytes of K, and for part
/// p `a_of(p, loaded, operand)`, `b_of(p, loaded0, loaded1, operand0, operand1)` and `multiply`.
template <typename Mma, CtaTile Tile>
__device__ __forceinline__ void multiply(
    typename Mma::Sum (&sums)[Fragments<Tile>::kTilesM][2 * Fragments<Tile>::kPairsN][4],
    const Fragments<Tile>& fragments) {
#pragma unroll
  for (int part = 0; part < Mma::kParts; ++part) {
    std::uint32_t a[Fragments<Tile>::kTilesM][4];
#pragma unroll
    for (int i = 0; i < Fragments<Tile>::kTilesM; ++i) {
      Mma::a_of(part, fragments.a[i], a[i]);
    }
#pragma unroll
    for (int j = 0; j < 2 * Fragments<Tile>::kPairsN; ++j) {
      std::uint32_t b0;
      std::uint32_t b1;
      Mma::b_of(part, fragments.b[j / 2][j % 2 * 2], fragments.b[j / 2][j % 2 * 2 + 1], b0, b1);
#pragma unroll
      for (int i = 0; i < Fragments<Tile>::kTilesM; ++i) {
        Mma::multiply(sums[i][j], a[i], b0, b1);
      }
    }
  }
}

/// The part of `Mma` that is the same wherever the loaded registers are the operands.
struct DirectOperands {
  static constexpr int kParts = 1;
  static __device__ __forceinline__ void a_of(int, const std::uint32_t (&loaded)[4],
                                              std::uint32_t (&operand)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      operand[i] = loaded[i];
    }
  }
  static __device__ __forceinline__ void b_of(int, std::uint32_t loaded0, std::uint32_t loaded1,
                                              std::uint32_t& operand0, std::uint32_t& operand1) {
    operand0 = loaded0;
    operand1 = loaded1;
  }
};

template <typename Mma, typename Config>
__global__ void __launch_bounds__(Config::kTile.threads(), Config::kTile.min_blocks_per_sm)
    gemm_tensor_kernel(const KernelArguments arguments) {
  constexpr CtaTile kTile = Config::kTile;
  constexpr int kKSteps = kTile.row_bytes() / TensorMma::kStepBytes;
  constexpr int kStages = kTile.stages;
  using LoaderA = TileLoader<kTile.tile_m, kTile.row_bytes(), kTile.threads()>;
  using LoaderB = TileLoader<kTile.tile_n, kTile.row_bytes(), kTile.threads()>;
  extern __shared__ __align__(kBankLineBytes) unsigned char shared[];
  const std::uint32_t shared_base = ptx::shared_address(shared);
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % kWarpSize;
  const int warp = thread / kWarpSize;
  const int warp_row = warp / kTile.warps_n() * kTile.warp_m;
  const int warp_column = warp % kTile.warps_n() * kTile.warp_n;

  const CtaWork work = cta_work<kTile, Config::kSplitK>(arguments);
  const int first_row = work.tile.m * kTile.tile_m;
  const int first_column = work.tile.n * kTile.tile_n;

  const std::int64_t a_stride_bytes = arguments.lda * kTile.element_bytes;
  const std::int64_t b_stride_bytes = arguments.ldb * kTile.element_bytes;
  const std::int64_t first_byte = static_cast<std::int64_t>(work.first_k_tile) * kTile.row_bytes();
  const LoaderA load_a(
      static_cast<const char*>(arguments.a) + first_row * a_stride_bytes + first_byte,
      a_stride_bytes, arguments.m - first_row, thread);
  const LoaderB load_b(
      static_cast<const char*>(arguments.b) + first_column * b_stride_bytes + first_byte,
      b_stride_bytes, arguments.n - first_column, thread);
  const std::int64_t row_bytes =
      static_cast<std::int64_t>(arguments.k) * kTile.element_bytes - first_byte;
  const int k_tiles = work.end_k_tile - work.first_k_tile;

  // Part `step` of kKSteps of the copies of K-tile `k_tile`; nothing beyond the last tile.
  const auto load_part = [&]<int step>(int k_tile) {
    if (k_tile < k_tiles) {
      const std::uint32_t stage = shared_base + k_tile % kStages * kTile.stage_bytes();
      const std::int64_t k_byte = static_cast<std::int64_t>(k_tile) * kTile.row_bytes();
      load_a.template load<step * LoaderA::kPasses / kKSteps,
                           (step + 1) * LoaderA::kPasses / kKSteps>(stage, k_byte,
                                                                    row_bytes - k_byte);
      load_b.template load<step * LoaderB::kPasses / kKSteps,
                           (step + 1) * LoaderB::kPasses / kKSteps>(stage + kTile.a_stage_bytes(),
                                                                    k_byte, row_bytes - k_byte);
    }
  };
  static_assert(kKSteps == 4, "the calls of load_part below are written out for four k-steps");

#pragma unroll
  for (int k_tile = 0; k_tile < kStages - 1; ++k_tile) {
    load_part.template operator()<0>(k_tile);
    load_part.template operator()<1>(k_tile);
    load_part.template operator()<2>(k_tile);
    load_part.template operator()<3>(k_tile);
    ptx::cp_async_commit();
  }

  // ldmatrix: for A, lanes 0-15 address the rows of the first 16 bytes of the k-step and lanes
  // 16-31 those of the second; for B, lanes 0-15 address columns 0-7 (first, second) and lanes
  // 16-31 columns 8-15.
  const std::uint32_t a_lane = swizzled_offset<kTile.row_bytes()>(warp_row + lane % 16, lane / 16);
  const std::uint32_t b_lane =
      kTile.a_stage_bytes() +
      swizzled_offset<kTile.row_bytes()>(warp_column + lane % 8 + lane / 16 * 8, lane / 8 % 2);

  typename Mma::Sum sums[Fragments<kTile>::kTilesM][2 * Fragments<kTile>::kPairsN][4] = {};
  Fragments<kTile> fragments[2];

  ptx::cp_async_wait<kStages - 2>();
  __syncthreads();
  fragments[0].load(shared_base + a_lane, shared_base + b_lane, 0);

  for (int k_tile = 0; k_tile < k_tiles; ++k_tile) {
    std::uint32_t stage = shared_base + k_tile % kStages * kTile.stage_bytes();
    const auto k_step = [&]<int step>() {
      load_part.template operator()<step>(k_tile + kStages - 1);
      if constexpr (step == kKSteps - 1) {
        ptx::cp_async_commit();
        ptx::cp_async_wait<kStages - 2>();
        __syncthreads();
        stage = shared_base + (k_tile + 1) % kStages * kTile.stage_bytes();
      }
      // The last step prefetches from the next tile, which does not exist after the last one.
      if (step < kKSteps - 1 || k_tile + 1 < k_tiles) {
        fragments[(step + 1) % 2].load(stage + a_lane, stage + b_lane, (step + 1) % kKSteps);
      }
      multiply<Mma, kTile>(sums, fragments[step % 2]);
    };
    k_step.template operator()<0>();
    k_step.template operator()<1>();
    k_step.template operator()<2>();
    k_step.template operator()<3>();
  }

  // The barrier of the last k-step ended all reads of the pipeline's memory but one's own.
  if constexpr (Config::kSplitK) {
    if (arguments.slices > 1) {
      constexpr int kGroups = 2 * Fragments<kTile>::kPairsN;
      constexpr int kFragments = Fragments<kTile>::kTilesM * kGroups;
      const auto fragment = [&](int f) ->
          typename Mma::Sum(&)[4] { return sums[f / kGroups][f % kGroups]; };
      const auto exists = [&](int f) {
        return first_row + warp_row + f / kGroups * TensorMma::kM < arguments.m;
      };
      if (!reduce_slices<typename Mma::Sum, kTile.threads(), kFragments>(
              arguments, work, reinterpret_cast<std::uint32_t*>(shared), thread, fragment,
              exists)) {
        return;
      }
    }
  }
  constexpr TensorBudget kBudget{.tile = kTile};
  epilogue<typename Mma::Result, kTile>(arguments, shared + warp * kBudget.warp_staging_bytes(),
                                        first_row + warp_row, first_column + warp_column, lane,
                                        sums);
}

template <typename Mma, typename Config>
GemmKernel describe_tensor_kernel(std::string_view name, const ShortSums& short_sums = {}) {
  constexpr CtaTile kTile = Config::kTile;
  return {.name = name,
          .function = reinterpret_cast<const void*>(&gemm_tensor_kernel<Mma, Config>),
          .tile_m = kTile.tile_m,
          .tile_n = kTile.tile_n,
          .tile_k = kTile.tile_k,
          .threads = kTile.threads(),
          .shared_bytes = TensorBudget{.tile = kTile}.shared_bytes(),
          .blocks_per_sm = kTile.min_blocks_per_sm,
          .accumulator_bytes = Config::kSplitK ? static_cast<int>(sizeof(typename Mma::Sum)) : 0,
          .most_rows = Config::kMostRows,
          .short_sums = short_sums};
}

}  // namespace rackproof::kernels::gemm

/// D = alpha*A*B + beta*C on the tensor cores of sm_80 and newer: mma.sync m16n8k16 with fp32
/// accumulators, a cp.async pipeline, ldmatrix from swizzled shared memory, fragments double
/// buffered in registers. README.md has the ladder and the budgets.

#include "kernels/common/convert.cuh"
#include "kernels/gemm/gemm_config.hpp"
#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/ptx/address.cuh"
#include "kernels/ptx/async_copy.cuh"
#include "kernels/ptx/ldmatrix.cuh"
#include "kernels/ptx/memory.cuh"
#include "kernels/ptx/mma.cuh"

#include <array>

namespace rackproof::kernels::gemm {
namespace {

/// A kernel takes its configuration as a type: nvcc 13.0's host stubs cannot spell a class value.
/// 64x64 results a warp: 8 ldmatrix feed 32 MMAs, the fewest shared-memory bytes per flop that the
/// register file allows.
struct LargeTile {
  static constexpr TensorTile kTile{.tile_m = 128,
                                    .tile_n = 256,
                                    .tile_k = 64,
                                    .warp_m = 64,
                                    .warp_n = 64,
                                    .stages = 3,
                                    .min_blocks_per_sm = 1};
};
/// A quarter of the large tile, for problems that would leave SMs without work.
struct SmallTile {
  static constexpr TensorTile kTile{.tile_m = 64,
                                    .tile_n = 128,
                                    .tile_k = 64,
                                    .warp_m = 32,
                                    .warp_n = 64,
                                    .stages = 3,
                                    .min_blocks_per_sm = 2};
};
static_assert(ValidTensorTile<LargeTile::kTile>::kValue &&
              ValidTensorTile<SmallTile::kTile>::kValue);

/// The A and B fragments of one k-step of a warp.
template <TensorTile Tile>
struct Fragments {
  static constexpr int kTilesM = Tile.warp_m / TensorTile::kMmaM;
  static constexpr int kPairsN = Tile.warp_n / (2 * TensorTile::kMmaN);
  std::uint32_t a[kTilesM][4];
  std::uint32_t b[kPairsN][4];  ///< two n8 tiles each

  /// `a_lane` and `b_lane` are the lane's ldmatrix addresses at k-step 0. A k-step is two chunks,
  /// so it toggles address bits 5 and 6, which the swizzle leaves to an XOR.
  __device__ __forceinline__ void load(std::uint32_t a_lane, std::uint32_t b_lane, int k_step) {
    const std::uint32_t toggle = static_cast<std::uint32_t>(k_step) * 2 * kVectorBytes;
#pragma unroll
    for (int i = 0; i < kTilesM; ++i) {
      ptx::ldmatrix_x4(a[i], (a_lane ^ toggle) + i * TensorTile::kMmaM * Tile.row_bytes());
    }
#pragma unroll
    for (int j = 0; j < kPairsN; ++j) {
      ptx::ldmatrix_x4(b[j], (b_lane ^ toggle) + j * 2 * TensorTile::kMmaN * Tile.row_bytes());
    }
  }
};

template <typename T, TensorTile Tile>
__device__ __forceinline__ void multiply(
    float (&sums)[Fragments<Tile>::kTilesM][2 * Fragments<Tile>::kPairsN][4],
    const Fragments<Tile>& fragments) {
#pragma unroll
  for (int i = 0; i < Fragments<Tile>::kTilesM; ++i) {
#pragma unroll
    for (int j = 0; j < 2 * Fragments<Tile>::kPairsN; ++j) {
      ptx::mma_m16n8k16<T>(sums[i][j], fragments.a[i], fragments.b[j / 2][j % 2 * 2],
                           fragments.b[j / 2][j % 2 * 2 + 1]);
    }
  }
}

/// Finishes eight neighbouring results of one row: scales, adds beta*C, rounds once and stores.
template <typename T>
__device__ __forceinline__ void store_results(const KernelArguments& arguments, int row, int column,
                                              const float (&sums)[8]) {
  if (row >= arguments.m) {
    return;
  }
  const std::int64_t index = static_cast<std::int64_t>(row) * arguments.n + column;
  const T* c = static_cast<const T*>(arguments.c) + index;
  T* d = static_cast<T*>(arguments.d) + index;
  const bool add_c = arguments.beta != 0.0F;
  // Dense rows start on 16-byte boundaries only if N is a multiple of 8.
  if (arguments.n % 8 == 0 && column < arguments.n) {
    Vector16<T> addend{};
    if (add_c) {
      addend = *reinterpret_cast<const Vector16<T>*>(c);
    }
    float results[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      results[i] = arguments.alpha * sums[i];
      if (add_c) {
        results[i] = fmaf(arguments.beta, to_float(addend[i]), results[i]);
      }
    }
    ptx::st_global_16(
        d, make_uint4(pack2<T>(results[0], results[1]), pack2<T>(results[2], results[3]),
                      pack2<T>(results[4], results[5]), pack2<T>(results[6], results[7])));
    return;
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    if (column + i < arguments.n) {
      const float scaled = arguments.alpha * sums[i];
      d[i] = from_float<T>(add_c ? fmaf(arguments.beta, to_float(c[i]), scaled) : scaled);
    }
  }
}

/// Byte offset in a warp's 16 x 64 fp32 staging of the four columns 8*group + 4*half.
/// Free of bank conflicts both ways: a store (8 bytes a lane) meets four rows x two halves, a load
/// (16 bytes a lane) meets the eight groups of one row.
__device__ __forceinline__ std::uint32_t staging_offset(int row, int group, int half) {
  return static_cast<std::uint32_t>(row * 64 * static_cast<int>(sizeof(float)) +
                                    half * kBankLineBytes +
                                    (group ^ (row % 8) ^ (half * 4)) * kVectorBytes);
}

/// Turns MMA fragments into rows through the warp's own staging memory and stores them.
template <typename T, TensorTile Tile>
__device__ __forceinline__ void epilogue(
    const KernelArguments& arguments, unsigned char* staging, int first_row, int first_column,
    int lane, const float (&sums)[Tile.warp_m / 16][Tile.warp_n / 8][4]) {
  constexpr int kGroups = Tile.warp_n / TensorTile::kMmaN;
#pragma unroll
  for (int i = 0; i < Tile.warp_m / TensorTile::kMmaM; ++i) {
    __syncwarp();
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      const int row = lane / 4;
      const int half = lane % 4 / 2;
      const int pair_byte = lane % 2 * 2 * static_cast<int>(sizeof(float));
      const float(&values)[4] = sums[i][group];
      *reinterpret_cast<float2*>(staging + staging_offset(row, group, half) + pair_byte) =
          make_float2(values[0], values[1]);
      *reinterpret_cast<float2*>(staging + staging_offset(row + 8, group, half) + pair_byte) =
          make_float2(values[2], values[3]);
    }
    __syncwarp();
#pragma unroll
    for (int pass = 0; pass < TensorTile::kMmaM * kGroups / kWarpSize; ++pass) {
      const int row = pass * (kWarpSize / kGroups) + lane / kGroups;
      const int group = lane % kGroups;
      const float4 low = *reinterpret_cast<const float4*>(staging + staging_offset(row, group, 0));
      const float4 high = *reinterpret_cast<const float4*>(staging + staging_offset(row, group, 1));
      store_results<T>(arguments, first_row + i * TensorTile::kMmaM + row,
                       first_column + group * TensorTile::kMmaN,
                       {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w});
    }
  }
}

template <typename T, typename Config>
__global__ void __launch_bounds__(Config::kTile.threads(), Config::kTile.min_blocks_per_sm)
    gemm_tensor_kernel(const KernelArguments arguments) {
  constexpr TensorTile kTile = Config::kTile;
  constexpr int kKSteps = kTile.tile_k / TensorTile::kMmaK;
  constexpr int kStages = kTile.stages;
  using LoaderA = TileLoader<kTile.tile_m, kTile.row_bytes(), kTile.threads()>;
  using LoaderB = TileLoader<kTile.tile_n, kTile.row_bytes(), kTile.threads()>;
  static_assert(LoaderA::kPasses % kKSteps == 0 && LoaderB::kPasses % kKSteps == 0,
                "copies are spread evenly over the k-steps");

  extern __shared__ __align__(kBankLineBytes) unsigned char shared[];
  const std::uint32_t shared_base = ptx::shared_address(shared);
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % kWarpSize;
  const int warp = thread / kWarpSize;
  const int warp_row = warp / kTile.warps_n() * kTile.warp_m;
  const int warp_column = warp % kTile.warps_n() * kTile.warp_n;

  const int tiles_m = (arguments.m + kTile.tile_m - 1) / kTile.tile_m;
  const int tiles_n = (arguments.n + kTile.tile_n - 1) / kTile.tile_n;
  const TileIndex tile = tile_of(static_cast<int>(blockIdx.x), tiles_m, tiles_n);
  const int first_row = tile.m * kTile.tile_m;
  const int first_column = tile.n * kTile.tile_n;

  const std::int64_t a_stride_bytes = arguments.lda * TensorTile::kElementBytes;
  const std::int64_t b_stride_bytes = arguments.ldb * TensorTile::kElementBytes;
  const LoaderA load_a(static_cast<const char*>(arguments.a) + first_row * a_stride_bytes,
                       a_stride_bytes, arguments.m - first_row, thread);
  const LoaderB load_b(static_cast<const char*>(arguments.b) + first_column * b_stride_bytes,
                       b_stride_bytes, arguments.n - first_column, thread);
  const std::int64_t row_bytes = static_cast<std::int64_t>(arguments.k) * TensorTile::kElementBytes;
  const int k_tiles = (arguments.k + kTile.tile_k - 1) / kTile.tile_k;

  // Part `step` of kKSteps of the copies of K-tile `k_tile`; nothing beyond the last tile.
  const auto load_part = [&]<int step>(int k_tile) {
    if (k_tile < k_tiles) {
      const std::uint32_t stage = shared_base + k_tile % kStages * kTile.stage_bytes();
      const std::int64_t k_byte = static_cast<std::int64_t>(k_tile) * kTile.row_bytes();
      constexpr int kPassesA = LoaderA::kPasses / kKSteps;
      constexpr int kPassesB = LoaderB::kPasses / kKSteps;
      load_a.template load<step * kPassesA, (step + 1) * kPassesA>(stage, k_byte,
                                                                   row_bytes - k_byte);
      load_b.template load<step * kPassesB, (step + 1) * kPassesB>(stage + kTile.a_stage_bytes(),
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

  // ldmatrix: for A, lanes 0-15 address the rows of k 0-7 and lanes 16-31 those of k 8-15; for B,
  // lanes 0-15 address columns 0-7 (k low, k high) and lanes 16-31 columns 8-15.
  const std::uint32_t a_lane = swizzled_offset<kTile.row_bytes()>(warp_row + lane % 16, lane / 16);
  const std::uint32_t b_lane =
      kTile.a_stage_bytes() +
      swizzled_offset<kTile.row_bytes()>(warp_column + lane % 8 + lane / 16 * 8, lane / 8 % 2);

  float sums[Fragments<kTile>::kTilesM][2 * Fragments<kTile>::kPairsN][4] = {};
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
      multiply<T, kTile>(sums, fragments[step % 2]);
    };
    k_step.template operator()<0>();
    k_step.template operator()<1>();
    k_step.template operator()<2>();
    k_step.template operator()<3>();
  }

  // The barrier of the last k-step ended all reads of the pipeline's memory but one's own.
  epilogue<T, kTile>(arguments, shared + warp * kTile.warp_staging_bytes(), first_row + warp_row,
                     first_column + warp_column, lane, sums);
}

template <typename T, typename Config>
GemmKernel describe(std::string_view name) {
  constexpr TensorTile kTile = Config::kTile;
  return {.name = name,
          .function = reinterpret_cast<const void*>(&gemm_tensor_kernel<T, Config>),
          .tile_m = kTile.tile_m,
          .tile_n = kTile.tile_n,
          .threads = kTile.threads(),
          .shared_bytes = kTile.shared_bytes(),
          .blocks_per_sm = kTile.min_blocks_per_sm};
}

}  // namespace

std::span<const GemmKernel> sm80_tensor_kernels(ElementType type) {
  static const std::array kBf16{describe<__nv_bfloat16, LargeTile>("gemm_tensor_bf16_128x256x64"),
                                describe<__nv_bfloat16, SmallTile>("gemm_tensor_bf16_64x128x64")};
  static const std::array kFp16{describe<__half, LargeTile>("gemm_tensor_fp16_128x256x64"),
                                describe<__half, SmallTile>("gemm_tensor_fp16_64x128x64")};
  switch (type) {
    case ElementType::bf16:
      return kBf16;
    case ElementType::fp16:
      return kFp16;
    case ElementType::fp32:
      break;
  }
  return {};
}

}  // namespace rackproof::kernels::gemm

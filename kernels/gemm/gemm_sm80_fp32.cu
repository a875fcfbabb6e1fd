/// D = alpha*A*B + beta*C in fp32 on the FMA units: cp.async pipeline, swizzled shared memory,
/// 8x8 results a thread. Operands stay K-major in shared memory: a thread reads four k-values of a
/// row at once, so nothing is transposed.

#include "kernels/gemm/gemm_config.hpp"
#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/ptx/address.cuh"
#include "kernels/ptx/async_copy.cuh"

#include <array>

namespace rackproof::kernels::gemm {
namespace {

constexpr CtaTile kTile{.tile_m = 128,
                        .tile_n = 128,
                        .tile_k = 16,
                        .warp_m = 32,
                        .warp_n = 64,
                        .element_bytes = 4,
                        .stages = 4,
                        .min_blocks_per_sm = 2};
static_assert(ValidSimtTile<kTile>::kValue);
constexpr int kThreadM = SimtBudget{.tile = kTile}.thread_m();
constexpr int kThreadN = SimtBudget{.tile = kTile}.thread_n();

/// Adds the products of one stage. `a_lane` and `b_lane` are the lane's byte offsets in the stage
/// at chunk 0; its rows are kRowStep apart, where the swizzle repeats, so that the compiler needs
/// one address for A and one for B in each chunk.
__device__ __forceinline__ void multiply_stage(float (&sums)[kThreadM][kThreadN],
                                               const unsigned char* stage, std::uint32_t a_lane,
                                               std::uint32_t b_lane) {
  constexpr int kStepBytes = SimtLanes::kRowStep * kTile.row_bytes();
  // Unrolled, the loads of several chunks would exceed 128 registers.
#pragma unroll 1
  for (int chunk = 0; chunk < kTile.tile_k / SimtLanes::kVector; ++chunk) {
    const std::uint32_t toggle = static_cast<std::uint32_t>(chunk) * kVectorBytes;
    float4 a_rows[kThreadM];
#pragma unroll
    for (int i = 0; i < kThreadM; ++i) {
      a_rows[i] = *reinterpret_cast<const float4*>(stage + (a_lane ^ toggle) + i * kStepBytes);
    }
#pragma unroll
    for (int j = 0; j < kThreadN; ++j) {
      const float4 b_values =
          *reinterpret_cast<const float4*>(stage + (b_lane ^ toggle) + j * kStepBytes);
#pragma unroll
      for (int i = 0; i < kThreadM; ++i) {
        float sum = sums[i][j];
        sum = fmaf(a_rows[i].x, b_values.x, sum);
        sum = fmaf(a_rows[i].y, b_values.y, sum);
        sum = fmaf(a_rows[i].z, b_values.z, sum);
        sums[i][j] = fmaf(a_rows[i].w, b_values.w, sum);
      }
    }
  }
}

/// Eight neighbouring lanes store the eight floats of one 32-byte sector: nothing is staged.
__device__ __forceinline__ void store_results(const KernelArguments& arguments, int first_row,
                                              int first_column,
                                              const float (&sums)[kThreadM][kThreadN]) {
#pragma unroll
  for (int i = 0; i < kThreadM; ++i) {
    // Keeps the loads of C of all rows from piling up in registers.
    __syncwarp();
    const int row = first_row + i * SimtLanes::kRowStep;
    const std::int64_t row_start = static_cast<std::int64_t>(row) * arguments.n;
#pragma unroll
    for (int j = 0; j < kThreadN; ++j) {
      const int column = first_column + j * SimtLanes::kRowStep;
      if (row < arguments.m && column < arguments.n) {
        float result = arguments.alpha * sums[i][j];
        if (arguments.beta != 0.0F) {
          result = fmaf(arguments.beta, static_cast<const float*>(arguments.c)[row_start + column],
                        result);
        }
        static_cast<float*>(arguments.d)[row_start + column] = result;
      }
    }
  }
}

__global__ void __launch_bounds__(kTile.threads(), kTile.min_blocks_per_sm)
    gemm_simt_kernel(const KernelArguments arguments) {
  constexpr int kStages = kTile.stages;
  using LoaderA = TileLoader<kTile.tile_m, kTile.row_bytes(), kTile.threads()>;
  using LoaderB = TileLoader<kTile.tile_n, kTile.row_bytes(), kTile.threads()>;

  extern __shared__ __align__(kBankLineBytes) unsigned char shared[];
  const std::uint32_t shared_base = ptx::shared_address(shared);
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % kWarpSize;
  const int warp = thread / kWarpSize;
  // Two warps share 64 rows: of every eight, lanes of the even warp compute the first four.
  const int warp_m = warp / kTile.warps_n();
  const int row_in_tile =
      warp_m / 2 * (2 * kTile.warp_m) + warp_m % 2 * SimtLanes::kM + lane / SimtLanes::kN;
  const int column_in_tile = warp % kTile.warps_n() * kTile.warp_n + lane % SimtLanes::kN;
  const std::uint32_t a_lane = swizzled_offset<kTile.row_bytes()>(row_in_tile, 0);
  const std::uint32_t b_lane =
      kTile.a_stage_bytes() + swizzled_offset<kTile.row_bytes()>(column_in_tile, 0);

  const int tiles_m = (arguments.m + kTile.tile_m - 1) / kTile.tile_m;
  const int tiles_n = (arguments.n + kTile.tile_n - 1) / kTile.tile_n;
  const TileIndex tile = tile_of(static_cast<int>(blockIdx.x), tiles_m, tiles_n);
  const int first_row = tile.m * kTile.tile_m;
  const int first_column = tile.n * kTile.tile_n;

  const std::int64_t a_stride_bytes = arguments.lda * kTile.element_bytes;
  const std::int64_t b_stride_bytes = arguments.ldb * kTile.element_bytes;
  const LoaderA load_a(static_cast<const char*>(arguments.a) + first_row * a_stride_bytes,
                       a_stride_bytes, arguments.m - first_row, thread);
  const LoaderB load_b(static_cast<const char*>(arguments.b) + first_column * b_stride_bytes,
                       b_stride_bytes, arguments.n - first_column, thread);
  const std::int64_t row_bytes = static_cast<std::int64_t>(arguments.k) * kTile.element_bytes;
  const int k_tiles = (arguments.k + kTile.tile_k - 1) / kTile.tile_k;

  const auto load_stage = [&](int k_tile) {
    if (k_tile < k_tiles) {
      const std::uint32_t stage = shared_base + k_tile % kStages * kTile.stage_bytes();
      const std::int64_t k_byte = static_cast<std::int64_t>(k_tile) * kTile.row_bytes();
      load_a.template load<0, LoaderA::kPasses>(stage, k_byte, row_bytes - k_byte);
      load_b.template load<0, LoaderB::kPasses>(stage + kTile.a_stage_bytes(), k_byte,
                                                row_bytes - k_byte);
    }
    ptx::cp_async_commit();
  };
#pragma unroll
  for (int k_tile = 0; k_tile < kStages - 1; ++k_tile) {
    load_stage(k_tile);
  }

  float sums[kThreadM][kThreadN] = {};
  for (int k_tile = 0; k_tile < k_tiles; ++k_tile) {
    ptx::cp_async_wait<kStages - 2>();
    // After the barrier all threads' copies of this stage have landed, and all threads have
    // finished reading the previous one, which the next copies overwrite.
    __syncthreads();
    load_stage(k_tile + kStages - 1);
    const unsigned char* stage = shared + k_tile % kStages * kTile.stage_bytes();
    multiply_stage(sums, stage, a_lane, b_lane);
  }
  store_results(arguments, first_row + row_in_tile, first_column + column_in_tile, sums);
}

}  // namespace

std::span<const GemmKernel> sm80_simt_kernels() {
  static const std::array kFp32{
      GemmKernel{.name = "gemm_simt_fp32_128x128x16",
                 .function = reinterpret_cast<const void*>(&gemm_simt_kernel),
                 .tile_m = kTile.tile_m,
                 .tile_n = kTile.tile_n,
                 .tile_k = kTile.tile_k,
                 .threads = kTile.threads(),
                 .shared_bytes = kTile.pipeline_bytes(),
                 .blocks_per_sm = kTile.min_blocks_per_sm}};
  return kFp32;
}

}  // namespace rackproof::kernels::gemm

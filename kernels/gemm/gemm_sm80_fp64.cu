/// D = alpha*A*B + beta*C in fp64 on the tensor cores of sm_80 and newer (DMMA): mma.sync m8n8k4, a
/// cp.async pipeline, 16-byte fragment reads from swizzled shared memory.

#include "kernels/gemm/gemm_config.hpp"
#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/gemm_split_k.cuh"
#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/ptx/address.cuh"
#include "kernels/ptx/async_copy.cuh"
#include "kernels/ptx/mma.cuh"

#include <array>

namespace rackproof::kernels::gemm {
namespace {

constexpr CtaTile kTile{.tile_m = 128,
                        .tile_n = 64,
                        .tile_k = 16,
                        .warp_m = 32,
                        .warp_n = 32,
                        .element_bytes = 8,
                        .stages = 3,
                        .min_blocks_per_sm = 2};
static_assert(ValidFp64Tile<kTile>::kValue);
constexpr int kTilesM = kTile.warp_m / Fp64Mma::kM;
constexpr int kTilesN = kTile.warp_n / Fp64Mma::kN;
constexpr int kKSteps = kTile.row_bytes() / Fp64Mma::kStepBytes;

/// Adds the products of one stage. `a_lane` and `b_lane` are the lane's byte offsets in the stage
/// at k-step 0, which a k-step leaves by toggling address bit 6.
__device__ __forceinline__ void multiply_stage(double (&sums)[kTilesM][kTilesN][2],
                                               const unsigned char* stage, std::uint32_t a_lane,
                                               std::uint32_t b_lane) {
  // Unrolled, the loads of both steps would exceed 128 registers.
#pragma unroll 1
  for (int step = 0; step < kKSteps; ++step) {
    const std::uint32_t toggle = static_cast<std::uint32_t>(step) * Fp64Mma::kStepBytes;
    double2 a[kTilesM];
#pragma unroll
    for (int i = 0; i < kTilesM; ++i) {
      a[i] = *reinterpret_cast<const double2*>(stage + (a_lane ^ toggle) +
                                               i * Fp64Mma::kM * kTile.row_bytes());
    }
#pragma unroll
    for (int j = 0; j < kTilesN; ++j) {
      const double2 b = *reinterpret_cast<const double2*>(stage + (b_lane ^ toggle) +
                                                          j * Fp64Mma::kN * kTile.row_bytes());
      // The first elements of four lanes are k 0, 2, 4, 6 of the step, the second ones the odd k.
#pragma unroll
      for (int i = 0; i < kTilesM; ++i) {
        ptx::mma_m8n8k4_f64(sums[i][j], a[i].x, b.x);
      }
#pragma unroll
      for (int i = 0; i < kTilesM; ++i) {
        ptx::mma_m8n8k4_f64(sums[i][j], a[i].y, b.y);
      }
    }
  }
}

/// Four lanes store 64 contiguous bytes of a row, two whole sectors: nothing is staged.
__device__ __forceinline__ void store_results(const KernelArguments& arguments, int first_row,
                                              int first_column,
                                              const double (&sums)[kTilesM][kTilesN][2]) {
  const double alpha = static_cast<double>(arguments.alpha);
  const double beta = static_cast<double>(arguments.beta);
  const bool add_c = arguments.beta != 0.0F;
#pragma unroll
  for (int i = 0; i < kTilesM; ++i) {
    // Keeps the loads of C of all rows from piling up in registers.
    __syncwarp();
    const int row = first_row + i * Fp64Mma::kM;
    const std::int64_t row_start = static_cast<std::int64_t>(row) * arguments.n;
#pragma unroll
    for (int j = 0; j < kTilesN; ++j) {
      const int column = first_column + j * Fp64Mma::kN;
      if (row >= arguments.m || column >= arguments.n) {
        continue;
      }
      const double* c = static_cast<const double*>(arguments.c) + row_start + column;
      double* d = static_cast<double*>(arguments.d) + row_start + column;
      double2 result = make_double2(alpha * sums[i][j][0], alpha * sums[i][j][1]);
      // Dense rows start on 16-byte boundaries only if N is even.
      if (arguments.n % 2 == 0) {
        if (add_c) {
          const double2 addend = *reinterpret_cast<const double2*>(c);
          result = make_double2(fma(beta, addend.x, result.x), fma(beta, addend.y, result.y));
        }
        *reinterpret_cast<double2*>(d) = result;
        continue;
      }
      d[0] = add_c ? fma(beta, c[0], result.x) : result.x;
      if (column + 1 < arguments.n) {
        d[1] = add_c ? fma(beta, c[1], result.y) : result.y;
      }
    }
  }
}

__global__ void __launch_bounds__(kTile.threads(), kTile.min_blocks_per_sm)
    gemm_fp64_kernel(const KernelArguments arguments) {
  constexpr int kStages = kTile.stages;
  using LoaderA =
      TileLoader<kTile.tile_m, kTile.row_bytes(), kTile.threads(), pair_swizzled_offset>;
  using LoaderB =
      TileLoader<kTile.tile_n, kTile.row_bytes(), kTile.threads(), pair_swizzled_offset>;

  extern __shared__ __align__(kBankLineBytes) unsigned char shared[];
  const std::uint32_t shared_base = ptx::shared_address(shared);
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % kWarpSize;
  const int warp = thread / kWarpSize;
  const int warp_row = warp / kTile.warps_n() * kTile.warp_m;
  const int warp_column = warp % kTile.warps_n() * kTile.warp_n;
  const std::uint32_t a_lane = pair_swizzled_offset(warp_row + lane / 4, lane % 4);
  const std::uint32_t b_lane =
      kTile.a_stage_bytes() + pair_swizzled_offset(warp_column + lane / 4, lane % 4);

  const CtaWork work = cta_work<kTile, true>(arguments);
  const int first_row = work.tile.m * kTile.tile_m;
  const int first_column = work.tile.n * kTile.tile_n;

  const std::int64_t a_stride_bytes = arguments.lda * kTile.element_bytes;
  const std::int64_t b_stride_bytes = arguments.ldb * kTile.element_bytes;
  const LoaderA load_a(static_cast<const char*>(arguments.a) + first_row * a_stride_bytes,
                       a_stride_bytes, arguments.m - first_row, thread);
  const LoaderB load_b(static_cast<const char*>(arguments.b) + first_column * b_stride_bytes,
                       b_stride_bytes, arguments.n - first_column, thread);
  const std::int64_t row_bytes = static_cast<std::int64_t>(arguments.k) * kTile.element_bytes;

  const auto load_stage = [&](int k_tile) {
    if (k_tile < work.end_k_tile) {
      const std::uint32_t stage = shared_base + k_tile % kStages * kTile.stage_bytes();
      const std::int64_t k_byte = static_cast<std::int64_t>(k_tile) * kTile.row_bytes();
      load_a.template load<0, LoaderA::kPasses>(stage, k_byte, row_bytes - k_byte);
      load_b.template load<0, LoaderB::kPasses>(stage + kTile.a_stage_bytes(), k_byte,
                                                row_bytes - k_byte);
    }
    ptx::cp_async_commit();
  };
#pragma unroll
  for (int ahead = 0; ahead < kStages - 1; ++ahead) {
    load_stage(work.first_k_tile + ahead);
  }

  double sums[kTilesM][kTilesN][2] = {};
  for (int k_tile = work.first_k_tile; k_tile < work.end_k_tile; ++k_tile) {
    ptx::cp_async_wait<kStages - 2>();
    // After the barrier all threads' copies of this stage have landed, and all threads have
    // finished reading the previous one, which the next copies overwrite.
    __syncthreads();
    load_stage(k_tile + kStages - 1);
    multiply_stage(sums, shared + k_tile % kStages * kTile.stage_bytes(), a_lane, b_lane);
  }

  if (arguments.slices > 1) {
    const auto fragment = [&](int f) -> double(&)[2] { return sums[f / kTilesN][f % kTilesN]; };
    const auto exists = [&](int f) {
      return first_row + warp_row + f / kTilesN * Fp64Mma::kM < arguments.m;
    };
    if (!reduce_slices<double, kTile.threads(), kTilesM * kTilesN>(
            arguments, work, reinterpret_cast<std::uint32_t*>(shared), thread, fragment, exists)) {
      return;
    }
  }
  store_results(arguments, first_row + warp_row + lane / 4,
                first_column + warp_column + lane % 4 * 2, sums);
}

}  // namespace

std::span<const GemmKernel> sm80_fp64_kernels() {
  static const std::array kFp64{
      GemmKernel{.name = "gemm_tensor_fp64_128x64x16",
                 .function = reinterpret_cast<const void*>(&gemm_fp64_kernel),
                 .tile_m = kTile.tile_m,
                 .tile_n = kTile.tile_n,
                 .tile_k = kTile.tile_k,
                 .threads = kTile.threads(),
                 .shared_bytes = kTile.pipeline_bytes(),
                 .blocks_per_sm = kTile.min_blocks_per_sm,
                 .accumulator_bytes = static_cast<int>(sizeof(double))}};
  return kFp64;
}

}  // namespace rackproof::kernels::gemm

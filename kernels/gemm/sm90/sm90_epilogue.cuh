#pragma once
/// From a consumer's accumulators to results in memory: panels of 64 x 64 results are scaled, added
/// to beta * C and rounded once in registers, put into swizzled shared memory and stored by TMA.

#include "kernels/common/convert.cuh"
#include "kernels/common/swizzle.cuh"
#include "kernels/gemm/sm90/sm90_arguments.hpp"
#include "kernels/gemm/sm90/sm90_pipeline.cuh"
#include "kernels/ptx/ldmatrix.cuh"
#include "kernels/ptx/stmatrix.cuh"
#include "kernels/ptx/tma.cuh"
#include "kernels/ptx/warp.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>

namespace rackproof::kernels::gemm::sm90 {

__device__ __forceinline__ float2 unpack2(std::uint32_t bits, __nv_bfloat16 /*type*/) {
  return {__uint_as_float(bits << 16), __uint_as_float(bits & 0xFFFF0000U)};
}
__device__ __forceinline__ float2 unpack2(std::uint32_t bits, __half /*type*/) {
  __half2 pair;
  memcpy(&pair, &bits, sizeof(pair));
  return __half22float2(pair);
}

/// One consumer's way out. The thread that stores is the one that waits for stores.
template <Sm90Tile Tile, typename Result>
class Epilogue {
 public:
  __device__ Epilogue(const Sm90Arguments& arguments, const SharedLayout<Tile>& shared,
                      int consumer)
      : arguments_(arguments),
        shared_(shared),
        consumer_(consumer),
        warp_(static_cast<int>(threadIdx.x) % kWarpgroupThreads / kWarpSize),
        lane_(static_cast<int>(threadIdx.x) % kWarpSize),
        issues_(threadIdx.x % kWarpgroupThreads == 0) {}

  /// Columns of one block of 64 rows whose first one is `row`. `sums` are its accumulators.
  __device__ __forceinline__ void store(const float (&sums)[Tile.tile_n / 8][4], int row,
                                        int column) {
#pragma unroll
    for (int panel = 0; panel < Tile.tile_n / kPanelColumns; ++panel) {
      const int first_column = column + panel * kPanelColumns;
      // The whole warpgroup sees the same: no barrier diverges.
      if (row >= arguments_.m || first_column >= arguments_.n) {
        break;
      }
      const std::uint32_t buffer = shared_.panel(consumer_, buffer_);
      buffer_ ^= 1;
      if (issues_) {
        ptx::tma_store_wait_read<kPanelBuffers - 1>();  // this buffer's last store has read it
      }
      sync();
      const bool adds = arguments_.beta != 0.0F;
      if (adds) {
        if (issues_) {
          ptx::mbarrier_arrive_expect_bytes(shared_.addend(consumer_), kPanelBytes);
          ptx::tma_load_2d(buffer, &arguments_.c, first_column, row, shared_.addend(consumer_));
        }
        ptx::mbarrier_wait(shared_.addend(consumer_), addend_parity_);
        addend_parity_ ^= 1U;
      }
#pragma unroll
      for (int pair = 0; pair < kPanelColumns / 16; ++pair) {
        // Lanes address the rows of four 8x8 tiles: rows 0-7 and 8-15 of 8 columns, then of 8 more.
        const std::uint32_t address = buffer + swizzled_offset<kBankLineBytes>(
                                                   warp_ * 16 + lane_ % 16, pair * 2 + lane_ / 16);
        std::uint32_t c[4];
        if (adds) {
          ptx::ldmatrix_x4(c, address);
        }
        std::uint32_t results[4];
#pragma unroll
        for (int tile = 0; tile < 4; ++tile) {
          const float(&sum)[4] = sums[panel * (kPanelColumns / 8) + pair * 2 + tile / 2];
          float first = arguments_.alpha * sum[tile % 2 * 2];
          float second = arguments_.alpha * sum[tile % 2 * 2 + 1];
          if (adds) {
            const float2 addend = unpack2(c[tile], Result{});
            first = fmaf(arguments_.beta, addend.x, first);
            second = fmaf(arguments_.beta, addend.y, second);
          }
          results[tile] = pack2<Result>(first, second);
        }
        ptx::stmatrix_x4(address, results);
      }
      ptx::fence_async_shared();
      sync();
      if (issues_) {
        ptx::tma_store_2d(&arguments_.d, first_column, row, buffer);
        ptx::tma_store_commit();
      }
    }
  }

  /// Before the CTA ends: its shared memory has been read.
  __device__ __forceinline__ void finish() const {
    if (issues_) {
      ptx::tma_store_wait_read<0>();
    }
  }

 private:
  __device__ __forceinline__ void sync() const {
    ptx::named_barrier_sync(1 + consumer_, kWarpgroupThreads);
  }

  const Sm90Arguments& arguments_;
  const SharedLayout<Tile>& shared_;
  int consumer_;
  int warp_;
  int lane_;
  bool issues_;
  int buffer_ = 0;
  std::uint32_t addend_parity_ = 0;
};

}  // namespace rackproof::kernels::gemm::sm90

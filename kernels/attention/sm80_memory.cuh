#pragma once
/// How the portable attention kernel moves data: rows into swizzled shared memory, the ring of K
/// and V tiles, and O back out.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/sm80_config.hpp"
#include "kernels/attention/sm80_tile.cuh"
#include "kernels/common/convert.cuh"
#include "kernels/common/swizzle.cuh"
#include "kernels/common/vector16.cuh"
#include "kernels/ptx/async_copy.cuh"
#include "kernels/ptx/memory.cuh"
#include "kernels/ptx/special.cuh"

#include <cstdint>

namespace rackproof::kernels::attention {

/// Starts copying `Rows` rows from `first_row` on into a swizzled tile; rows at `row_count` and
/// beyond become zero, so that a masked key contributes 0 * 0 and never 0 * NaN.
template <Sm80Config kConfig, int Rows>
__device__ __forceinline__ void copy_rows_async(std::uint32_t tile, const char* rows,
                                                std::int32_t row_stride_bytes, int first_row,
                                                int row_count) {
  using Shape = Sm80Shape<kConfig>;
  const int chunk = static_cast<int>(threadIdx.x) % Shape::kChunksPerRow;
  const int row_in_pass = static_cast<int>(threadIdx.x) / Shape::kChunksPerRow;
  const std::uint32_t destination = tile + swizzled_offset<Shape::kRowBytes>(row_in_pass, chunk);
#pragma unroll
  for (int pass = 0; pass < Rows / Shape::kRowsPerPass; ++pass) {
    const int row = first_row + pass * Shape::kRowsPerPass + row_in_pass;
    const bool inside = row < row_count;
    // 32 x 32 -> 64 bits: one instruction, and no 64-bit multiple of the stride kept in registers.
    const std::int64_t offset = static_cast<std::int64_t>(inside ? row : 0) * row_stride_bytes;
    ptx::cp_async_16_zfill(
        destination + static_cast<std::uint32_t>(pass * Shape::kRowsPerPass * Shape::kRowBytes),
        rows + offset + chunk * kVectorBytes, inside ? kVectorBytes : 0);
  }
}

/// The ring of K and V tiles of one CTA: item 2t is K, item 2t+1 is V of the t-th tile visited.
/// Tiles are visited from the last to the first, so that the masked ones come first.
template <Sm80Config kConfig>
struct KeyValueRing {
  std::uint32_t stages;  ///< shared address
  const char* k;
  const char* v;
  std::int32_t row_stride_bytes;
  int kv_len;
  int tiles;
  int next_item = 0;
  std::uint32_t next_stage = 0;  ///< byte offset of the stage that next_item goes to

  /// Starts one copy and closes its group; past the end the group is empty, so that the count of
  /// groups in flight stays the same.
  __device__ __forceinline__ void prefetch() {
    if (next_item < 2 * tiles) {
      copy_rows_async<kConfig, kConfig.key_tile>(
          stages + next_stage, next_item % 2 == 0 ? k : v, row_stride_bytes,
          (tiles - 1 - next_item / 2) * kConfig.key_tile, kv_len);
      ++next_item;
      advance(next_stage);
    }
    ptx::cp_async_commit();
  }

  __device__ __forceinline__ static void advance(std::uint32_t& stage) {
    constexpr std::uint32_t kStageBytes = Sm80Shape<kConfig>::kStageBytes;
    stage = stage == kStageBytes * (kConfig.stages - 1) ? 0 : stage + kStageBytes;
  }

  /// Waits for the oldest item, then refills the stage that everybody has finished reading.
  __device__ __forceinline__ void acquire_and_refill() {
    ptx::cp_async_wait<kConfig.stages - 2>();
    __syncthreads();
    prefetch();
  }
};

/// Stores the rows that a warp has staged in shared memory as whole 16-byte chunks of consecutive
/// addresses. `rows`: shared address of those rows; `first_row`: their first row in the output,
/// whose rows lie `row_stride` elements apart; rows at `row_count` and beyond are not stored.
template <Sm80Config kConfig>
__device__ __forceinline__ void store_staged_rows(char* output, std::int64_t row_stride,
                                                  int row_count, std::uint32_t rows, int first_row,
                                                  int lane) {
  using Shape = Sm80Shape<kConfig>;
  constexpr int kRowsPerPass = kWarpThreads / Shape::kChunksPerRow;
  const int chunk = lane % Shape::kChunksPerRow;
#pragma unroll
  for (int pass = 0; pass < Shape::kWarpRows / kRowsPerPass; ++pass) {
    const int row = pass * kRowsPerPass + lane / Shape::kChunksPerRow;
    if (first_row + row < row_count) {
      ptx::st_global_16(
          output + (first_row + row) * row_stride * kElementBytes + chunk * kVectorBytes,
          ptx::ld_shared_16(rows + swizzled_offset<Shape::kRowBytes>(row, chunk)));
    }
  }
}

/// Divides by the sums, writes lse, and stores O through the warp's own rows of shared memory.
/// `rows`: shared address of those rows; `first_row`: their first row in the output, whose rows lie
/// `row_stride` elements apart; rows at `q_len` and beyond are not stored.
template <Sm80Config kConfig, typename T>
__device__ __forceinline__ void store_output(WarpState<kConfig>& state, char* output,
                                             std::int64_t row_stride, float* lse, int q_len,
                                             std::uint32_t rows, int first_row, int lane) {
  using Shape = Sm80Shape<kConfig>;
  constexpr float kLn2 = 0.693147180559945309F;
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = state.sum[m][half];
      sum += __shfl_xor_sync(kFullWarp, sum, 1);
      sum += __shfl_xor_sync(kFullWarp, sum, 2);
      const float inverse = sum == 0.0F ? 0.0F : 1.0F / sum;
      const int row = m * 16 + half * 8 + lane / 4;
      if (lane % 4 == 0 && first_row + row < q_len) {
        lse[first_row + row] =
            sum == 0.0F ? kMinusInfinity : (state.maximum[m][half] + ptx::lg2(sum)) * kLn2;
      }
#pragma unroll
      for (int d = 0; d < Shape::kOutputTiles; ++d) {
        ptx::st_shared_4(rows + swizzled_offset<Shape::kRowBytes>(row, d) +
                             static_cast<std::uint32_t>(lane % 4 * 4),
                         pack2<T>(state.output[m][d][half * 2] * inverse,
                                  state.output[m][d][half * 2 + 1] * inverse));
      }
    }
  }
  __syncwarp();
  store_staged_rows<kConfig>(output, row_stride, q_len, rows, first_row, lane);
}

}  // namespace rackproof::kernels::attention

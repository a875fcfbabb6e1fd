#pragma once
/// What the backward kernels share: a tile pair that stays, a tile pair that streams past, and dS.

#include "kernels/attention/backward/backward_arguments.hpp"
#include "kernels/attention/backward/backward_config.hpp"
#include "kernels/attention/sm80_memory.cuh"
#include "kernels/attention/sm80_tile.cuh"

#include <cstdint>

namespace rackproof::kernels::attention::backward {

inline constexpr float kLog2E = 1.44269504088896341F;

/// What a row sees, for mask_scores().
struct WindowView {
  static constexpr bool kHasBegin = true;
  SequenceMask mask;
  [[nodiscard]] __device__ int begin(int row) const { return mask.begin(row); }
  [[nodiscard]] __device__ int end(int row) const { return mask.end(row); }
};

/// The two moving arrays of one (batch, head): Q and dO, or K and V.
struct MovingPair {
  const char* first;
  const char* second;
  std::int32_t row_stride_bytes;
  int rows;
};

/// Copies kConfig.moving_rows rows of both arrays from `first_row` on.
template <BackwardConfig kConfig>
__device__ __forceinline__ void copy_pair_async(std::uint32_t stage, const MovingPair& pair,
                                                int first_row) {
  constexpr Sm80Config kTile = kConfig.tile();
  copy_rows_async<kTile, kConfig.moving_rows>(stage, pair.first, pair.row_stride_bytes, first_row,
                                              pair.rows);
  copy_rows_async<kTile, kConfig.moving_rows>(
      stage + static_cast<std::uint32_t>(kConfig.moving_bytes()), pair.second,
      pair.row_stride_bytes, first_row, pair.rows);
}

/// Whether some key of [first_key, end_key) is hidden from some row of [first_row, end_row).
__device__ __forceinline__ bool needs_mask(const SequenceMask& mask, int first_row, int end_row,
                                           int first_key, int end_key) {
  return first_key < end_row - 1 + mask.begin_offset || end_key > first_row + mask.end_offset ||
         end_key > mask.kv_len;
}

/// Stages accumulators, times `factor`, in the warp's own rows of shared memory and stores them.
template <BackwardConfig kConfig, typename T>
__device__ __forceinline__ void store_gradient(Accumulators<kConfig.tile()>& sums, float factor,
                                               char* output, std::int64_t row_stride, int row_count,
                                               std::uint32_t rows, int first_row, int lane) {
  using Shape = Sm80Shape<kConfig.tile()>;
  __syncwarp();  // other lanes may still read these rows
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int d = 0; d < Shape::kOutputTiles; ++d) {
        ptx::st_shared_4(
            rows + swizzled_offset<Shape::kRowBytes>(m * 16 + half * 8 + lane / 4, d) +
                static_cast<std::uint32_t>(lane % 4 * 4),
            pack2<T>(sums[m][d][half * 2] * factor, sums[m][d][half * 2 + 1] * factor));
      }
    }
  }
  __syncwarp();
  store_staged_rows<kConfig.tile()>(output, row_stride, row_count, rows, first_row, lane);
}

}  // namespace rackproof::kernels::attention::backward

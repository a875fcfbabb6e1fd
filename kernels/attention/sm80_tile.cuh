#pragma once
/// The arithmetic of the portable attention kernel, one function a step. A warp owns rows_per_warp
/// query rows as kRowTiles tiles of 16; fragment layouts are those of mma.m16n8k16
/// (kernels/ptx/mma.cuh): lane l holds rows l/4 and l/4 + 8 and columns 2*(l%4), 2*(l%4) + 1 of
/// every 16 x 8 result tile.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/sm80_config.hpp"
#include "kernels/common/convert.cuh"
#include "kernels/common/swizzle.cuh"
#include "kernels/ptx/ldmatrix.cuh"
#include "kernels/ptx/mma.cuh"
#include "kernels/ptx/special.cuh"

#include <cstdint>

namespace rackproof::kernels::attention {

inline constexpr unsigned kFullWarp = 0xffffffff;
/// No `-inf - -inf` can arise from it: it only ever meets finite values or multiplication.
inline constexpr float kMinusInfinity = -__builtin_huge_valf();

template <Sm80Config kConfig>
struct Sm80Shape {
  static constexpr int kWarpRows = kConfig.rows_per_warp();
  static constexpr int kRowTiles = kWarpRows / 16;
  static constexpr int kScoreTiles = kConfig.key_tile / 8;
  static constexpr int kOutputTiles = kConfig.head_dim / 8;
  static constexpr int kRowBytes = kConfig.row_bytes();
  static constexpr int kChunksPerRow = kRowBytes / 16;  ///< of 16 bytes
  static constexpr int kRowsPerPass = kConfig.threads() / kChunksPerRow;
  static constexpr std::uint32_t kQueryBytes = kConfig.query_bytes();
  static constexpr std::uint32_t kStageBytes = kConfig.stage_bytes();
};

/// What a warp carries from step to step.
template <Sm80Config kConfig>
struct WarpState {
  using Shape = Sm80Shape<kConfig>;
  float output[Shape::kRowTiles][Shape::kOutputTiles][4] = {};
  float maximum[Shape::kRowTiles][2];   ///< of scale_log2 * score so far
  float sum[Shape::kRowTiles][2] = {};  ///< of this lane's columns only, relative to the maximum

  __device__ WarpState() {
#pragma unroll
    for (auto& rows : maximum) {
      rows[0] = rows[1] = kMinusInfinity;
    }
  }
};

/// Lane addresses for ldmatrix. Tile rows start at multiples of 8, so the swizzle of a lane's row
/// is constant; tiles start at whole rows, so that the step to the next 16 columns, an XOR of the
/// chunk index with 2 * step, is an XOR of the address: `(tile + offset) ^ (32 * step)`.
template <Sm80Config kConfig>
struct LaneOffsets {
  std::uint32_t rows_first;     ///< tiles (rows 0-7, 8-15) x (chunk 0, 1): A operands and V
  std::uint32_t columns_first;  ///< tiles (chunk 0, 1) x (rows 0-7, 8-15): K

  __device__ explicit LaneOffsets(int lane)
      : rows_first(swizzled_offset<Sm80Shape<kConfig>::kRowBytes>(lane % 16, lane / 16)),
        columns_first(swizzled_offset<Sm80Shape<kConfig>::kRowBytes>(lane / 16 * 8 + lane % 8,
                                                                     lane / 8 % 2)) {}
};

/// Q as A operands for all of head_dim, or nothing if it is read again at each step.
template <Sm80Config kConfig>
struct QueryFragments {
  using Shape = Sm80Shape<kConfig>;
  static constexpr int kSteps = kConfig.query_in_registers ? kConfig.head_dim / 16 : 0;
  std::uint32_t fragments[kSteps == 0 ? 1 : kSteps][Shape::kRowTiles][4];

  /// `rows`: shared address of the warp's first query row.
  __device__ __forceinline__ void load(std::uint32_t rows, const LaneOffsets<kConfig>& lane) {
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      read(fragments[step], rows, lane, step);
    }
  }
  __device__ __forceinline__ static void read(std::uint32_t (&a)[Shape::kRowTiles][4],
                                              std::uint32_t rows, const LaneOffsets<kConfig>& lane,
                                              int step) {
#pragma unroll
    for (int m = 0; m < Shape::kRowTiles; ++m) {
      ptx::ldmatrix_x4(a[m], ((rows + lane.rows_first) ^ static_cast<std::uint32_t>(step * 32)) +
                                 static_cast<std::uint32_t>(m * 16 * Shape::kRowBytes));
    }
  }
};

template <Sm80Config kConfig>
using Scores = float[Sm80Shape<kConfig>::kRowTiles][Sm80Shape<kConfig>::kScoreTiles][4];
/// P as A operands: 16 rows x 16 keys each. The result layout of S is the operand layout of P: two
/// neighbouring 16 x 8 tiles of S, rounded and packed, are one operand.
template <Sm80Config kConfig>
using Probabilities =
    std::uint32_t[Sm80Shape<kConfig>::kRowTiles][Sm80Shape<kConfig>::kScoreTiles / 2][4];

/// S = Q K^T, unscaled, for one tile of keys.
template <Sm80Config kConfig, typename T>
__device__ __forceinline__ void multiply_query_keys(Scores<kConfig>& scores,
                                                    const QueryFragments<kConfig>& query,
                                                    std::uint32_t query_rows,
                                                    std::uint32_t key_tile,
                                                    const LaneOffsets<kConfig>& lane) {
  using Shape = Sm80Shape<kConfig>;
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
    for (int n = 0; n < Shape::kScoreTiles; ++n) {
      scores[m][n][0] = scores[m][n][1] = scores[m][n][2] = scores[m][n][3] = 0.0F;
    }
  }
#pragma unroll
  for (int step = 0; step < kConfig.head_dim / 16; ++step) {
    std::uint32_t a[Shape::kRowTiles][4];
    if constexpr (kConfig.query_in_registers) {
#pragma unroll
      for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          a[m][i] = query.fragments[step][m][i];
        }
      }
    } else {
      QueryFragments<kConfig>::read(a, query_rows, lane, step);
    }
#pragma unroll
    for (int n = 0; n < Shape::kScoreTiles; n += 2) {
      std::uint32_t b[4];
      ptx::ldmatrix_x4(b,
                       ((key_tile + lane.columns_first) ^ static_cast<std::uint32_t>(step * 32)) +
                           static_cast<std::uint32_t>(n * 8 * Shape::kRowBytes));
#pragma unroll
      for (int m = 0; m < Shape::kRowTiles; ++m) {
        ptx::mma_m16n8k16<T>(scores[m][n], a[m], b[0], b[1]);
        ptx::mma_m16n8k16<T>(scores[m][n + 1], a[m], b[2], b[3]);
      }
    }
  }
}

/// Scores of keys that a row does not see become -infinity. `first_row`: this lane's first row.
/// `view`: row i sees keys view.begin(i), ..., view.end(i) - 1; all from 0 on unless kHasBegin.
template <Sm80Config kConfig, typename View>
__device__ __forceinline__ void mask_scores(Scores<kConfig>& scores, const View& view,
                                            int first_row, int first_key, int lane) {
  using Shape = Sm80Shape<kConfig>;
  const int column = first_key + lane % 4 * 2;
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first_row + m * 16 + half * 8;
      const int end = view.end(row) - column;
      const int begin = view.begin(row) - column;
#pragma unroll
      for (int n = 0; n < Shape::kScoreTiles; ++n) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          if (n * 8 + e >= end || (View::kHasBegin && n * 8 + e < begin)) {
            scores[m][n][half * 2 + e] = kMinusInfinity;
          }
        }
      }
    }
  }
}

/// One online-softmax step: P = exp2(scale_log2 * (S - maximum)), rounded to T; the running sum (of
/// the unrounded values) and the output so far are brought to the new maximum.
/// exp(scale * x) = exp2(scale * log2(e) * x) makes it one fused multiply-add and one ex2 each.
template <Sm80Config kConfig, typename T>
__device__ __forceinline__ void online_softmax(Probabilities<kConfig>& probabilities,
                                               Scores<kConfig>& scores, WarpState<kConfig>& state,
                                               float scale_log2) {
  using Shape = Sm80Shape<kConfig>;
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
    float correction[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float largest = scores[m][0][half * 2];
#pragma unroll
      for (int n = 0; n < Shape::kScoreTiles; ++n) {
        largest = fmaxf(largest, fmaxf(scores[m][n][half * 2], scores[m][n][half * 2 + 1]));
      }
      largest = fmaxf(largest, __shfl_xor_sync(kFullWarp, largest, 1));
      largest = fmaxf(largest, __shfl_xor_sync(kFullWarp, largest, 2));
      const float maximum = fmaxf(state.maximum[m][half], largest * scale_log2);
      // A row that has seen no key yet: any finite reference gives exp2(-inf) = 0.
      const float reference = maximum == kMinusInfinity ? 0.0F : maximum;
      correction[half] = ptx::ex2(state.maximum[m][half] - reference);
      state.maximum[m][half] = maximum;

      float sum = 0.0F;
#pragma unroll
      for (int n = 0; n < Shape::kScoreTiles; ++n) {
        const float low = ptx::ex2(fmaf(scores[m][n][half * 2], scale_log2, -reference));
        const float high = ptx::ex2(fmaf(scores[m][n][half * 2 + 1], scale_log2, -reference));
        sum += low + high;
        probabilities[m][n / 2][n % 2 * 2 + half] = pack2<T>(low, high);
      }
      state.sum[m][half] = fmaf(state.sum[m][half], correction[half], sum);
    }
    // Maxima settle after a few tiles; multiplying by 1 would cost time and change nothing.
    if (__any_sync(kFullWarp, correction[0] != 1.0F || correction[1] != 1.0F)) {
#pragma unroll
      for (int d = 0; d < Shape::kOutputTiles; ++d) {
        state.output[m][d][0] *= correction[0];
        state.output[m][d][1] *= correction[0];
        state.output[m][d][2] *= correction[1];
        state.output[m][d][3] *= correction[1];
      }
    }
  }
}

/// fp32 rows x head_dim accumulators of a warp.
template <Sm80Config kConfig>
using Accumulators = float[Sm80Shape<kConfig>::kRowTiles][Sm80Shape<kConfig>::kOutputTiles][4];

/// O += P V for one tile of values.
template <Sm80Config kConfig, typename T>
__device__ __forceinline__ void multiply_probabilities_values(
    Accumulators<kConfig>& output, const Probabilities<kConfig>& probabilities,
    std::uint32_t value_tile, const LaneOffsets<kConfig>& lane) {
  using Shape = Sm80Shape<kConfig>;
#pragma unroll
  for (int n = 0; n < Shape::kScoreTiles; n += 2) {
#pragma unroll
    for (int d = 0; d < Shape::kOutputTiles; d += 2) {
      std::uint32_t b[4];
      ptx::ldmatrix_x4_trans(b,
                             ((value_tile + lane.rows_first) ^ static_cast<std::uint32_t>(d * 16)) +
                                 static_cast<std::uint32_t>(n * 8 * Shape::kRowBytes));
#pragma unroll
      for (int m = 0; m < Shape::kRowTiles; ++m) {
        ptx::mma_m16n8k16<T>(output[m][d], probabilities[m][n / 2], b[0], b[1]);
        ptx::mma_m16n8k16<T>(output[m][d + 1], probabilities[m][n / 2], b[2], b[3]);
      }
    }
  }
}

}  // namespace rackproof::kernels::attention

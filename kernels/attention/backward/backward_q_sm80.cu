/// dQ for sm_80 and everything newer: in a fixed order by a kernel of its own, or converted from
/// the fp32 sums that the dK/dV kernel's atomics have left.

#include "kernels/attention/backward/backward_tile.cuh"
#include "kernels/attention/kernel_table.hpp"
#include "kernels/ptx/address.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

namespace rackproof::kernels::attention::backward {
namespace {

/// P (of the rows' scores) and dS = P (dP - D), rounded to the operand of dQ += dS K.
template <BackwardConfig kConfig, typename T>
__device__ __forceinline__ void row_gradient(
    Probabilities<kConfig.tile()>& gradients, const Scores<kConfig.tile()>& scores,
    const Scores<kConfig.tile()>& d_probabilities,
    const RowStatistics (&statistics)[Sm80Shape<kConfig.tile()>::kRowTiles][2], float scale_log2) {
  using Shape = Sm80Shape<kConfig.tile()>;
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const RowStatistics row = statistics[m][half];
#pragma unroll
      for (int n = 0; n < Shape::kScoreTiles; ++n) {
        float gradient[2];
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int i = half * 2 + e;
          const float p = ptx::ex2(fmaf(scores[m][n][i], scale_log2, -row.lse_log2));
          gradient[e] = p * (d_probabilities[m][n][i] - row.delta);
        }
        gradients[m][n / 2][n % 2 * 2 + half] = pack2<T>(gradient[0], gradient[1]);
      }
    }
  }
}

/// One CTA owns a tile of queries of one head and walks the keys that they see.
template <int kHeadDim, typename T>
__global__ void __launch_bounds__(backward_config(kHeadDim).threads(),
                                  backward_config(kHeadDim).min_blocks_per_sm)
    attention_backward_q_sm80(const __grid_constant__ BackwardArguments arguments) {
  constexpr BackwardConfig kConfig = kHeadDim == 64 ? kHeadDim64 : kHeadDim128;
  constexpr Sm80Config kTile = kConfig.tile();
  using Shape = Sm80Shape<kTile>;
  constexpr int kSteps = kConfig.moving_rows / kConfig.step_rows;
  constexpr auto kStepBytes = static_cast<std::uint32_t>(kConfig.step_rows * kConfig.row_bytes());
  extern __shared__ __align__(256) char shared[];
  const std::uint32_t q_tile = ptx::shared_address(shared);
  const std::uint32_t do_tile = q_tile + kConfig.stationary_bytes();
  const std::uint32_t stages = do_tile + kConfig.stationary_bytes();
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;

  // The last tile first: under a causal mask it sees most keys.
  const int heads = arguments.q_heads * arguments.batch;
  const int query_tiles = (arguments.q_len + kConfig.stationary_rows - 1) / kConfig.stationary_rows;
  const int query_tile = query_tiles - 1 - static_cast<int>(blockIdx.x) / heads;
  const int head_of_batch = static_cast<int>(blockIdx.x) % heads;
  const int batch = head_of_batch / arguments.q_heads;
  const int q_head = head_of_batch % arguments.q_heads;
  const int first_row = query_tile * kConfig.stationary_rows;
  const int end_row = min(first_row + kConfig.stationary_rows, arguments.q_len);
  const std::int64_t q_offset =
      (batch * arguments.q_strides.batch + q_head * arguments.q_strides.head) * kElementBytes;
  const std::int64_t kv_offset =
      (batch * arguments.kv_strides.batch + q_head / arguments.group * arguments.kv_strides.head) *
      kElementBytes;
  const MovingPair keys_and_values{
      .first = static_cast<const char*>(arguments.k) + kv_offset,
      .second = static_cast<const char*>(arguments.v) + kv_offset,
      .row_stride_bytes = static_cast<std::int32_t>(arguments.kv_strides.row) * kElementBytes,
      .rows = arguments.kv_len,
  };
  const int first_tile =
      min(arguments.mask.begin(first_row), arguments.kv_len) / kConfig.moving_rows;
  const int end_tile =
      (arguments.mask.end(end_row - 1) + kConfig.moving_rows - 1) / kConfig.moving_rows;
  if (first_tile < end_tile) {
    const auto row_stride_bytes =
        static_cast<std::int32_t>(arguments.q_strides.row) * kElementBytes;
    copy_rows_async<kTile, kConfig.stationary_rows>(
        q_tile, static_cast<const char*>(arguments.q) + q_offset, row_stride_bytes, first_row,
        arguments.q_len);
    copy_rows_async<kTile, kConfig.stationary_rows>(
        do_tile, static_cast<const char*>(arguments.d_o) + q_offset, row_stride_bytes, first_row,
        arguments.q_len);
    copy_pair_async<kConfig>(stages, keys_and_values, first_tile * kConfig.moving_rows);
  }
  ptx::cp_async_commit();

  const int warp_first_row = first_row + warp * kConfig.rows_per_warp();
  RowStatistics statistics[Shape::kRowTiles][2];
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_first_row + m * 16 + half * 8 + lane / 4;
      statistics[m][half] =
          row < arguments.q_len
              ? arguments
                    .statistics[static_cast<std::int64_t>(head_of_batch) * arguments.padded_q_len +
                                row]
              : RowStatistics{.lse_log2 = -kMinusInfinity, .delta = 0.0F};
    }
  }
  const LaneOffsets<kTile> offsets(lane);
  const QueryFragments<kTile> from_shared{};
  const auto warp_row_bytes =
      static_cast<std::uint32_t>(warp * kConfig.rows_per_warp() * kConfig.row_bytes());
  const float scale_log2 = arguments.scale * kLog2E;
  Accumulators<kTile> dq = {};
  std::uint32_t stage = stages;
  for (int tile = first_tile; tile < end_tile; ++tile) {
    ptx::cp_async_wait<0>();
    __syncthreads();  // this tile is there for all warps, and all have left the one before
    const std::uint32_t other = stage == stages ? stages + kConfig.stage_bytes() : stages;
    if (tile + 1 < end_tile) {
      copy_pair_async<kConfig>(other, keys_and_values, (tile + 1) * kConfig.moving_rows);
    }
    ptx::cp_async_commit();
    const int first_key = tile * kConfig.moving_rows;
    const bool masked =
        needs_mask(arguments.mask, first_row, end_row, first_key, first_key + kConfig.moving_rows);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const std::uint32_t k_rows = stage + static_cast<std::uint32_t>(step) * kStepBytes;
      const std::uint32_t v_rows = k_rows + kConfig.moving_bytes();
      Scores<kTile> scores;
      multiply_query_keys<kTile, T>(scores, from_shared, q_tile + warp_row_bytes, k_rows, offsets);
      if (masked) {
        mask_scores<kTile>(scores, WindowView{.mask = arguments.mask}, warp_first_row + lane / 4,
                           first_key + step * kConfig.step_rows, lane);
      }
      Scores<kTile> d_probabilities;
      multiply_query_keys<kTile, T>(d_probabilities, from_shared, do_tile + warp_row_bytes, v_rows,
                                    offsets);
      Probabilities<kTile> gradients;
      row_gradient<kConfig, T>(gradients, scores, d_probabilities, statistics, scale_log2);
      multiply_probabilities_values<kTile, T>(dq, gradients, k_rows, offsets);
    }
    stage = other;
  }
  // Nobody but the warp itself reads its rows of Q.
  store_gradient<kConfig, T>(dq, arguments.scale, static_cast<char*>(arguments.dq) + q_offset,
                             arguments.q_strides.row, arguments.q_len, q_tile + warp_row_bytes,
                             warp_first_row, lane);
}

/// One CTA converts one query tile: each warp the 16 rows x 64 columns that it has summed.
template <int kHeadDim, typename T>
__global__ void __launch_bounds__(backward_config(kHeadDim).threads())
    attention_backward_convert_dq(const __grid_constant__ BackwardArguments arguments) {
  constexpr BackwardConfig kConfig = kHeadDim == 64 ? kHeadDim64 : kHeadDim128;
  constexpr int kRowBytes = kConfig.row_bytes();
  constexpr int kChunksPerRow = kRowBytes / kVectorBytes;
  __shared__ __align__(256) char shared[kQueryTile * kRowBytes];
  const std::uint32_t rows = ptx::shared_address(shared);
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
  const int tiles = arguments.padded_q_len / static_cast<int>(kQueryTile);
  const int head_of_batch = static_cast<int>(blockIdx.x) / tiles;
  const int first_row = static_cast<int>(blockIdx.x) % tiles * static_cast<int>(kQueryTile);
  const float* const sums =
      arguments.dq_sums +
      (static_cast<std::int64_t>(blockIdx.x) * kConfig.warps + warp) * (32 * kWarpThreads) + lane;
#pragma unroll
  for (int d = 0; d < 8; ++d) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int i = (d * 4 + half * 2) * kWarpThreads;
      ptx::st_shared_4(
          rows + swizzled_offset<kRowBytes>(warp % 4 * 16 + half * 8 + lane / 4, warp / 4 * 8 + d) +
              static_cast<std::uint32_t>(lane % 4 * 4),
          pack2<T>(sums[i] * arguments.scale, sums[i + kWarpThreads] * arguments.scale));
    }
  }
  __syncthreads();
  char* const output = static_cast<char*>(arguments.dq) +
                       (head_of_batch / arguments.q_heads * arguments.q_strides.batch +
                        head_of_batch % arguments.q_heads * arguments.q_strides.head) *
                           kElementBytes;
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x); i < kQueryTile * kChunksPerRow;
       i += kConfig.threads()) {
    const int row = i / kChunksPerRow;
    const int chunk = i % kChunksPerRow;
    if (first_row + row < arguments.q_len) {
      ptx::st_global_16(output + (first_row + row) * arguments.q_strides.row * kElementBytes +
                            chunk * kVectorBytes,
                        ptx::ld_shared_16(rows + swizzled_offset<kRowBytes>(row, chunk)));
    }
  }
}

constexpr KernelTable<void (*)(BackwardArguments)> kKernels{
    .bf16_64 = &attention_backward_q_sm80<64, __nv_bfloat16>,
    .bf16_128 = &attention_backward_q_sm80<128, __nv_bfloat16>,
    .fp16_64 = &attention_backward_q_sm80<64, __half>,
    .fp16_128 = &attention_backward_q_sm80<128, __half>,
};
constexpr KernelTable<void (*)(BackwardArguments)> kConvertKernels{
    .bf16_64 = &attention_backward_convert_dq<64, __nv_bfloat16>,
    .bf16_128 = &attention_backward_convert_dq<128, __nv_bfloat16>,
    .fp16_64 = &attention_backward_convert_dq<64, __half>,
    .fp16_128 = &attention_backward_convert_dq<128, __half>,
};

}  // namespace

void enable_backward_q_sm80(const KernelChoice& choice) {
  allow_shared_bytes(kKernels.of(choice.type, choice.head_dim),
                     backward_config(choice.head_dim).shared_bytes(false));
}

void launch_backward_q_sm80(const KernelChoice& choice, const BackwardArguments& arguments,
                            cudaStream_t stream) {
  const BackwardConfig& config = backward_config(choice.head_dim);
  const auto kernel = kKernels.of(choice.type, choice.head_dim);
  const std::int64_t blocks = std::int64_t{arguments.q_len + config.stationary_rows - 1} /
                              config.stationary_rows * arguments.q_heads * arguments.batch;
  kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(config.threads()),
           static_cast<std::size_t>(config.shared_bytes(false)), stream>>>(arguments);
  RACKPROOF_CUDA(cudaGetLastError());
}

void launch_convert_dq_sm80(const KernelChoice& choice, const BackwardArguments& arguments,
                            cudaStream_t stream) {
  const auto kernel = kConvertKernels.of(choice.type, choice.head_dim);
  const std::int64_t blocks =
      std::int64_t{arguments.padded_q_len} / kQueryTile * arguments.q_heads * arguments.batch;
  kernel<<<static_cast<unsigned>(blocks),
           static_cast<unsigned>(backward_config(choice.head_dim).threads()), 0, stream>>>(
      arguments);
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace rackproof::kernels::attention::backward

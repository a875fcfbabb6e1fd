/// dK and dV for sm_80 and everything newer. One CTA owns a tile of keys of one key/value head and
/// walks the query tiles of all heads of its group that see them. S and dP are computed transposed,
/// keys x queries, so that P^T and dS^T are in registers what dV += P^T dO and dK += dS^T Q need.

#include "kernels/attention/backward/backward_tile.cuh"
#include "kernels/attention/kernel_table.hpp"
#include "kernels/ptx/address.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

namespace rackproof::kernels::attention::backward {
namespace {

/// Starts copying one query tile of one head: Q, dO and their statistics.
template <BackwardConfig kConfig>
__device__ __forceinline__ void copy_queries_async(std::uint32_t stage,
                                                   const BackwardArguments& arguments, int batch,
                                                   int head, int tile) {
  const std::int64_t offset =
      (batch * arguments.q_strides.batch + head * arguments.q_strides.head) * kElementBytes;
  const MovingPair pair{
      .first = static_cast<const char*>(arguments.q) + offset,
      .second = static_cast<const char*>(arguments.d_o) + offset,
      .row_stride_bytes = static_cast<std::int32_t>(arguments.q_strides.row) * kElementBytes,
      .rows = arguments.q_len,
  };
  const int first_row = tile * kConfig.moving_rows;
  copy_pair_async<kConfig>(stage, pair, first_row);
  if (threadIdx.x < kConfig.statistics_bytes() / kVectorBytes) {
    const RowStatistics* const rows =
        arguments.statistics +
        std::int64_t{batch * arguments.q_heads + head} * arguments.padded_q_len + first_row;
    const std::uint32_t offset_bytes = threadIdx.x * kVectorBytes;
    ptx::cp_async_16_zfill(stage + 2 * kConfig.moving_bytes() + offset_bytes,
                           reinterpret_cast<const char*>(rows) + offset_bytes, kVectorBytes);
  }
}

/// P^T = 2^(scale S^T - lse) and dS^T = P^T (dP^T - D), rounded to operands of the next products.
/// `statistics`: shared address of the step's first query; columns are queries.
template <BackwardConfig kConfig, typename T>
__device__ __forceinline__ void softmax_gradient(Probabilities<kConfig.tile()>& gradients,
                                                 Scores<kConfig.tile()>& probabilities,
                                                 const Scores<kConfig.tile()>& d_probabilities,
                                                 std::uint32_t statistics, int lane) {
  using Shape = Sm80Shape<kConfig.tile()>;
#pragma unroll
  for (int n = 0; n < Shape::kScoreTiles; ++n) {
    const uint4 pair =
        ptx::ld_shared_16(statistics + static_cast<std::uint32_t>((n * 8 + lane % 4 * 2) * 8));
    const float delta[2] = {__uint_as_float(pair.y), __uint_as_float(pair.w)};
#pragma unroll
    for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int i = half * 2;
        gradients[m][n / 2][n % 2 * 2 + half] =
            pack2<T>(probabilities[m][n][i] * (d_probabilities[m][n][i] - delta[0]),
                     probabilities[m][n][i + 1] * (d_probabilities[m][n][i + 1] - delta[1]));
      }
    }
  }
}

/// S^T becomes P^T in place, and its rounded operand.
template <BackwardConfig kConfig, typename T>
__device__ __forceinline__ void probabilities_of(Probabilities<kConfig.tile()>& operand,
                                                 Scores<kConfig.tile()>& scores,
                                                 std::uint32_t statistics, float scale_log2,
                                                 int lane) {
  using Shape = Sm80Shape<kConfig.tile()>;
#pragma unroll
  for (int n = 0; n < Shape::kScoreTiles; ++n) {
    const uint4 pair =
        ptx::ld_shared_16(statistics + static_cast<std::uint32_t>((n * 8 + lane % 4 * 2) * 8));
    const float lse[2] = {__uint_as_float(pair.x), __uint_as_float(pair.z)};
#pragma unroll
    for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float(&s)[4] = scores[m][n];
        s[half * 2] = ptx::ex2(fmaf(s[half * 2], scale_log2, -lse[0]));
        s[half * 2 + 1] = ptx::ex2(fmaf(s[half * 2 + 1], scale_log2, -lse[1]));
        operand[m][n / 2][n % 2 * 2 + half] = pack2<T>(s[half * 2], s[half * 2 + 1]);
      }
    }
  }
}

/// Scores that the mask hides become -infinity (attention.hpp, "Masks"). Rows are keys, columns
/// queries; `first_key` and `first_row` those of the warp and the step.
template <BackwardConfig kConfig>
__device__ __forceinline__ void hide(Scores<kConfig.tile()>& scores, const SequenceMask& mask,
                                     int first_key, int first_row, int lane) {
  using Shape = Sm80Shape<kConfig.tile()>;
  const int key = first_key + lane / 4;
  const int distance = key - (first_row + lane % 4 * 2);  // of the lane's first element
  const int begin = mask.begin_offset - distance;
  const int end = mask.end_offset - distance;
  const int keys = mask.kv_len - key;
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
    for (int n = 0; n < Shape::kScoreTiles; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int further_key = m * 16 + e / 2 * 8;
        const int further = further_key - (n * 8 + e % 2);
        if (further < begin || further >= end || further_key >= keys) {
          scores[m][n][e] = kMinusInfinity;
        }
      }
    }
  }
}

/// Puts the warp's dS^T of one step into the exchange tile: keys x moving_rows queries.
template <BackwardConfig kConfig>
__device__ __forceinline__ void put_exchange(const Probabilities<kConfig.tile()>& gradients,
                                             std::uint32_t warp_rows, int step, int lane) {
  using Shape = Sm80Shape<kConfig.tile()>;
#pragma unroll
  for (int m = 0; m < Shape::kRowTiles; ++m) {
#pragma unroll
    for (int n = 0; n < Shape::kScoreTiles; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        ptx::st_shared_4(warp_rows +
                             swizzled_offset<kConfig.moving_rows * kElementBytes>(
                                 m * 16 + half * 8 + lane / 4, step * Shape::kScoreTiles + n) +
                             static_cast<std::uint32_t>(lane % 4 * 4),
                         gradients[m][n / 2][n % 2 * 2 + half]);
      }
    }
  }
}

/// dQ of one query tile over this CTA's keys: the warp's 16 rows x 64 columns, added to its `block`
/// of `sums`. An atomic of a warp covers 128 consecutive bytes: blocks lie in the order of
/// registers.
template <BackwardConfig kConfig, typename T>
__device__ __forceinline__ void add_dq(float* sums, int block, std::uint32_t exchange,
                                       std::uint32_t keys,
                                       const LaneOffsets<kConfig.tile()>& offsets, int warp,
                                       int lane) {
  constexpr int kExchangeRowBytes = kConfig.moving_rows * kElementBytes;
  constexpr int kColumnTiles = 8;
  const std::uint32_t a_first =
      exchange +
      swizzled_offset<kExchangeRowBytes>(lane / 16 * 8 + lane % 8, warp % 4 * 2 + lane / 8 % 2);
  const std::uint32_t b_first =
      (keys + offsets.rows_first) ^ static_cast<std::uint32_t>(warp / 4 * kColumnTiles * 16);
  float dq[kColumnTiles][4] = {};
#pragma unroll
  for (int key = 0; key < kConfig.stationary_rows; key += 16) {
    std::uint32_t a[4];
    ptx::ldmatrix_x4_trans(a, a_first + static_cast<std::uint32_t>(key * kExchangeRowBytes));
#pragma unroll
    for (int d = 0; d < kColumnTiles; d += 2) {
      std::uint32_t b[4];
      ptx::ldmatrix_x4_trans(b, (b_first ^ static_cast<std::uint32_t>(d * 16)) +
                                    static_cast<std::uint32_t>(key * kConfig.row_bytes()));
      ptx::mma_m16n8k16<T>(dq[d], a, b[0], b[1]);
      ptx::mma_m16n8k16<T>(dq[d + 1], a, b[2], b[3]);
    }
  }
  float* const own = sums + static_cast<std::int64_t>(block) * (32 * kWarpThreads);
#pragma unroll
  for (int d = 0; d < kColumnTiles; ++d) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      atomicAdd(own + (d * 4 + e) * kWarpThreads + lane, dq[d][e]);
    }
  }
}

template <int kHeadDim, bool kSumDq, typename T>
__global__ void __launch_bounds__(backward_config(kHeadDim).threads(),
                                  backward_config(kHeadDim).min_blocks_per_sm)
    attention_backward_kv_sm80(const __grid_constant__ BackwardArguments arguments) {
  constexpr BackwardConfig kConfig = kHeadDim == 64 ? kHeadDim64 : kHeadDim128;
  constexpr Sm80Config kTile = kConfig.tile();
  constexpr int kSteps = kConfig.moving_rows / kConfig.step_rows;
  constexpr auto kStepBytes = static_cast<std::uint32_t>(kConfig.step_rows * kConfig.row_bytes());
  extern __shared__ __align__(256) char shared[];
  const std::uint32_t k_tile = ptx::shared_address(shared);
  const std::uint32_t v_tile = k_tile + kConfig.stationary_bytes();
  const std::uint32_t stages = v_tile + kConfig.stationary_bytes();
  const std::uint32_t exchange = stages + BackwardConfig::kStages * kConfig.stage_bytes();
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;

  // Key tile 0 first: under a causal mask most queries see it.
  const int kv_heads_of_batch = arguments.kv_heads * arguments.batch;
  const int key_tile = static_cast<int>(blockIdx.x) / kv_heads_of_batch;
  const int kv_head = static_cast<int>(blockIdx.x) % kv_heads_of_batch % arguments.kv_heads;
  const int batch = static_cast<int>(blockIdx.x) % kv_heads_of_batch / arguments.kv_heads;
  const int first_key = key_tile * kConfig.stationary_rows;
  const int last_key = min(first_key + kConfig.stationary_rows, arguments.kv_len) - 1;
  const std::int64_t kv_offset =
      (batch * arguments.kv_strides.batch + kv_head * arguments.kv_strides.head) * kElementBytes;

  // Rows first_key - end_offset + 1, ..., last_key - begin_offset see keys of this tile.
  const int first_tile = max(0, first_key - arguments.mask.end_offset + 1) / kConfig.moving_rows;
  const int end_row = min(arguments.q_len, last_key - arguments.mask.begin_offset + 1);
  const int end_tile = (end_row + kConfig.moving_rows - 1) / kConfig.moving_rows;
  const int tiles = max(0, end_tile - first_tile);
  if (tiles > 0) {
    const auto row_stride_bytes =
        static_cast<std::int32_t>(arguments.kv_strides.row) * kElementBytes;
    copy_rows_async<kTile, kConfig.stationary_rows>(
        k_tile, static_cast<const char*>(arguments.k) + kv_offset, row_stride_bytes, first_key,
        arguments.kv_len);
    copy_rows_async<kTile, kConfig.stationary_rows>(
        v_tile, static_cast<const char*>(arguments.v) + kv_offset, row_stride_bytes, first_key,
        arguments.kv_len);
    copy_queries_async<kConfig>(stages, arguments, batch, kv_head * arguments.group, first_tile);
  }
  ptx::cp_async_commit();

  const LaneOffsets<kTile> offsets(lane);
  const QueryFragments<kTile> from_shared{};
  const auto warp_row_bytes =
      static_cast<std::uint32_t>(warp * kConfig.rows_per_warp() * kConfig.row_bytes());
  const int warp_first_key = first_key + warp * kConfig.rows_per_warp();
  const float scale_log2 = arguments.scale * kLog2E;
  Accumulators<kTile> dk = {};
  Accumulators<kTile> dv = {};
  std::uint32_t stage = stages;
  int head = kv_head * arguments.group;
  const int end_head = tiles > 0 ? head + arguments.group : head;
  int tile = first_tile;
  while (head < end_head) {
    ptx::cp_async_wait<0>();
    __syncthreads();  // this item is there for all warps, and all have left the one before
    const bool head_ends = tile + 1 == end_tile;
    if (!head_ends || head + 1 < end_head) {
      copy_queries_async<kConfig>(stage == stages ? stages + kConfig.stage_bytes() : stages,
                                  arguments, batch, head_ends ? head + 1 : head,
                                  head_ends ? first_tile : tile + 1);
    }
    ptx::cp_async_commit();
    const int first_row = tile * kConfig.moving_rows;
    const bool masked =
        needs_mask(arguments.mask, first_row, min(first_row + kConfig.moving_rows, arguments.q_len),
                   first_key, first_key + kConfig.stationary_rows);
#pragma unroll 1
    for (int step = 0; step < kSteps; ++step) {
      const std::uint32_t q_rows = stage + static_cast<std::uint32_t>(step) * kStepBytes;
      const std::uint32_t do_rows = q_rows + kConfig.moving_bytes();
      const std::uint32_t statistics =
          stage + 2 * kConfig.moving_bytes() +
          static_cast<std::uint32_t>(step * kConfig.step_rows * BackwardConfig::kStatisticsBytes);
      Scores<kTile> scores;
      multiply_query_keys<kTile, T>(scores, from_shared, k_tile + warp_row_bytes, q_rows, offsets);
      if (masked) {
        hide<kConfig>(scores, arguments.mask, warp_first_key, first_row + step * kConfig.step_rows,
                      lane);
      }
      Probabilities<kTile> operand;
      probabilities_of<kConfig, T>(operand, scores, statistics, scale_log2, lane);
      multiply_probabilities_values<kTile, T>(dv, operand, do_rows, offsets);
      Scores<kTile> d_probabilities;
      multiply_query_keys<kTile, T>(d_probabilities, from_shared, v_tile + warp_row_bytes, do_rows,
                                    offsets);
      softmax_gradient<kConfig, T>(operand, scores, d_probabilities, statistics, lane);
      multiply_probabilities_values<kTile, T>(dk, operand, q_rows, offsets);
      if constexpr (kSumDq) {
        put_exchange<kConfig>(
            operand,
            exchange + static_cast<std::uint32_t>(warp * kConfig.rows_per_warp() *
                                                  kConfig.moving_rows * kElementBytes),
            step, lane);
      }
    }
    if constexpr (kSumDq) {
      __syncthreads();  // dS^T of all keys
      // 32 bits as long as possible: registers are scarce.
      const int tile_index =
          (batch * arguments.q_heads + head) * (arguments.padded_q_len / kConfig.moving_rows) +
          tile;
      add_dq<kConfig, T>(arguments.dq_sums, tile_index * kConfig.warps + warp, exchange, k_tile,
                         offsets, warp, lane);
    }
    if (++tile == end_tile) {
      tile = first_tile;
      ++head;
    }
    stage = stage == stages ? stages + kConfig.stage_bytes() : stages;
  }

  __syncthreads();  // dQ of the last item reads all of K
  store_gradient<kConfig, T>(dk, arguments.scale, static_cast<char*>(arguments.dk) + kv_offset,
                             arguments.kv_strides.row, arguments.kv_len, k_tile + warp_row_bytes,
                             warp_first_key, lane);
  store_gradient<kConfig, T>(dv, 1.0F, static_cast<char*>(arguments.dv) + kv_offset,
                             arguments.kv_strides.row, arguments.kv_len, v_tile + warp_row_bytes,
                             warp_first_key, lane);
}

template <bool kSumDq>
constexpr KernelTable<void (*)(BackwardArguments)> kKernels{
    .bf16_64 = &attention_backward_kv_sm80<64, kSumDq, __nv_bfloat16>,
    .bf16_128 = &attention_backward_kv_sm80<128, kSumDq, __nv_bfloat16>,
    .fp16_64 = &attention_backward_kv_sm80<64, kSumDq, __half>,
    .fp16_128 = &attention_backward_kv_sm80<128, kSumDq, __half>,
};

auto kernel_of(const KernelChoice& choice, bool sum_dq) {
  return (sum_dq ? kKernels<true> : kKernels<false>).of(choice.type, choice.head_dim);
}

std::int64_t block_count(const BackwardConfig& config, const BackwardArguments& arguments) {
  return std::int64_t{arguments.kv_len + config.stationary_rows - 1} / config.stationary_rows *
         arguments.kv_heads * arguments.batch;
}

}  // namespace

void enable_backward_kv_sm80(const KernelChoice& choice, bool sum_dq) {
  allow_shared_bytes(kernel_of(choice, sum_dq),
                     backward_config(choice.head_dim).shared_bytes(sum_dq));
}

void launch_backward_kv_sm80(const KernelChoice& choice, bool sum_dq,
                             const BackwardArguments& arguments, cudaStream_t stream) {
  const BackwardConfig& config = backward_config(choice.head_dim);
  const auto kernel = kernel_of(choice, sum_dq);
  kernel<<<static_cast<unsigned>(block_count(config, arguments)),
           static_cast<unsigned>(config.threads()),
           static_cast<std::size_t>(config.shared_bytes(sum_dq)), stream>>>(arguments);
  RACKPROOF_CUDA(cudaGetLastError());
}

KernelResources backward_kv_sm80_resources(const KernelChoice& choice, bool sum_dq,
                                           const BackwardArguments& arguments) {
  const BackwardConfig& config = backward_config(choice.head_dim);
  return resources_of(
      kernel_of(choice, sum_dq),
      instance_name(sum_dq ? "attention_backward_kv_dq_sm80" : "attention_backward_kv_sm80",
                    choice.type, choice.head_dim),
      {.blocks = block_count(config, arguments),
       .threads = config.threads(),
       .shared_bytes = config.shared_bytes(sum_dq)});
}

}  // namespace rackproof::kernels::attention::backward

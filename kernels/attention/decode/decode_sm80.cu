/// Decode attention over a paged cache for sm_80 and everything newer: one CTA takes one split of
/// one sequence for up to 16 query heads of one key/value head; its warps walk the keys in turn.

#include "kernels/attention/decode/decode_arguments.hpp"
#include "kernels/attention/decode/decode_config.hpp"
#include "kernels/attention/decode/decode_ring.cuh"
#include "kernels/attention/kernel_table.hpp"
#include "kernels/attention/sm80_tile.cuh"
#include "kernels/common/convert.cuh"
#include "kernels/ptx/address.cuh"
#include "kernels/ptx/special.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

namespace rackproof::kernels::attention::decode {
namespace {

constexpr int kRows = static_cast<int>(kHeadsPerTile);

/// Copies the CTA's query heads; rows beyond the group become zero.
template <DecodeConfig kConfig>
__device__ __forceinline__ void copy_queries_async(std::uint32_t tile, const char* queries,
                                                   int heads) {
  constexpr int kChunksPerRow = kConfig.row_bytes() / kVectorBytes;
  constexpr int kChunks = kRows * kChunksPerRow;
#pragma unroll
  for (int first = 0; first < kChunks; first += kConfig.threads()) {
    const int chunk = first + static_cast<int>(threadIdx.x);
    const int row = chunk / kChunksPerRow;
    const bool inside = row < heads;
    ptx::cp_async_16_zfill(tile + swizzled_offset<kConfig.row_bytes()>(row, chunk % kChunksPerRow),
                           queries + (inside ? chunk : 0) * kVectorBytes,
                           inside ? kVectorBytes : 0);
  }
}

/// Where the warps put their results to be added up: fp32 rows, then statistics [warp][row].
template <DecodeConfig kConfig>
struct MergeBuffer {
  char* memory;

  __device__ float* row(int warp, int row) const {
    return reinterpret_cast<float*>(memory + (warp * kRows + row) * kConfig.merge_row_bytes());
  }
  __device__ SplitStatistics& statistics(int warp, int row) const {
    return reinterpret_cast<SplitStatistics*>(
        memory + kConfig.warps * kRows * kConfig.merge_row_bytes())[warp * kRows + row];
  }

  __device__ __forceinline__ void put(WarpState<kConfig.tile()>& state, int warp, int lane) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = state.sum[0][half];
      sum += __shfl_xor_sync(kFullWarp, sum, 1);
      sum += __shfl_xor_sync(kFullWarp, sum, 2);
      const int r = half * 8 + lane / 4;
      if (lane % 4 == 0) {
        statistics(warp, r) = {.maximum = state.maximum[0][half], .sum = sum};
      }
#pragma unroll
      for (int d = 0; d < kConfig.head_dim / 8; ++d) {
        *reinterpret_cast<float2*>(row(warp, r) + d * 8 + lane % 4 * 2) =
            make_float2(state.output[0][d][half * 2], state.output[0][d][half * 2 + 1]);
      }
    }
  }
};

/// Adds up the warps' results in order of the warps and stores them: as the final rows of O and lse
/// where the sequence is not split, else as partial results.
template <DecodeConfig kConfig, typename T>
__device__ __forceinline__ void merge_and_store(const DecodeArguments& arguments,
                                                const MergeBuffer<kConfig>& merge,
                                                const DecodeItem& item, int first_head, int heads) {
  constexpr int kColumns = 4;  // of one thread: 16 bytes of a row
  constexpr int kThreadsPerRow = kConfig.head_dim / kColumns;
  constexpr int kRowsPerPass = kConfig.threads() / kThreadsPerRow;
  constexpr float kLn2 = 0.693147180559945309F;
  const int column = static_cast<int>(threadIdx.x) % kThreadsPerRow * kColumns;
#pragma unroll
  for (int pass = 0; pass < kRows / kRowsPerPass; ++pass) {
    const int row = pass * kRowsPerPass + static_cast<int>(threadIdx.x) / kThreadsPerRow;
    if (row >= heads) {
      continue;
    }
    float maximum = kMinusInfinity;
#pragma unroll
    for (int warp = 0; warp < kConfig.warps; ++warp) {
      maximum = fmaxf(maximum, merge.statistics(warp, row).maximum);
    }
    const float reference = maximum == kMinusInfinity ? 0.0F : maximum;
    float sum = 0.0F;
    float4 output = make_float4(0.0F, 0.0F, 0.0F, 0.0F);
#pragma unroll
    for (int warp = 0; warp < kConfig.warps; ++warp) {
      const SplitStatistics statistics = merge.statistics(warp, row);
      const float weight = ptx::ex2(statistics.maximum - reference);
      const float4 part = *reinterpret_cast<const float4*>(merge.row(warp, row) + column);
      sum = fmaf(statistics.sum, weight, sum);
      output.x = fmaf(part.x, weight, output.x);
      output.y = fmaf(part.y, weight, output.y);
      output.z = fmaf(part.z, weight, output.z);
      output.w = fmaf(part.w, weight, output.w);
    }
    const int head = first_head + row;
    if (item.partial == kWhole) {
      const std::int64_t index =
          static_cast<std::int64_t>(item.sequence) * arguments.q_heads + head;
      const float inverse = sum == 0.0F ? 0.0F : 1.0F / sum;
      *reinterpret_cast<uint2*>(static_cast<char*>(arguments.o) +
                                (index * kConfig.head_dim + column) * kElementBytes) =
          make_uint2(pack2<T>(output.x * inverse, output.y * inverse),
                     pack2<T>(output.z * inverse, output.w * inverse));
      if (column == 0) {
        arguments.lse[index] = sum == 0.0F ? kMinusInfinity : (maximum + ptx::lg2(sum)) * kLn2;
      }
    } else {
      const std::int64_t index = static_cast<std::int64_t>(item.partial) * arguments.q_heads + head;
      *reinterpret_cast<float4*>(arguments.partial_o + index * kConfig.head_dim + column) = output;
      if (column == 0) {
        arguments.partial_statistics[index] = {.maximum = maximum, .sum = sum};
      }
    }
  }
}

/// Every row sees the keys of the split that exist.
struct LastKeys {
  static constexpr bool kHasBegin = false;
  int count;
  [[nodiscard]] __device__ int begin(int) const { return 0; }
  [[nodiscard]] __device__ int end(int) const { return count; }
};

template <int kHeadDim, typename T>
__global__ void __launch_bounds__(decode_config(kHeadDim).threads(),
                                  decode_config(kHeadDim).min_blocks_per_sm)
    attention_decode_sm80(const __grid_constant__ DecodeArguments arguments) {
  constexpr DecodeConfig kConfig = kHeadDim == 64 ? kHeadDim64 : kHeadDim128;
  constexpr Sm80Config kTile = kConfig.tile();
  extern __shared__ __align__(256) char shared[];
  const std::uint32_t query_tile = ptx::shared_address(shared);
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;

  // Heads fastest: CTAs that run at the same time read the same rows of the same pages.
  const int tiles_per_item = arguments.kv_heads * arguments.group_tiles;
  const int head_tile = static_cast<int>(blockIdx.x) % tiles_per_item;
  const DecodeItem item = arguments.items[static_cast<int>(blockIdx.x) / tiles_per_item];
  const int kv_head = head_tile / arguments.group_tiles;
  const int first_in_group = head_tile % arguments.group_tiles * kRows;
  const int first_head = kv_head * arguments.group + first_in_group;
  const int heads = min(kRows, arguments.group - first_in_group);
  const int first_key = item.split * arguments.split_keys;
  const int end = min(first_key + arguments.split_keys, arguments.kv_lens[item.sequence]);

  copy_queries_async<kConfig>(
      query_tile,
      static_cast<const char*>(arguments.q) +
          (static_cast<std::int64_t>(item.sequence) * arguments.q_heads + first_head) *
              kConfig.row_bytes(),
      heads);
  ptx::cp_async_commit();
  const std::int64_t lane_offset =
      kv_head * kConfig.row_bytes() + lane % PageRing<kConfig>::kChunksPerRow * kVectorBytes;
  const std::int32_t row_stride_bytes = arguments.kv_heads * kConfig.row_bytes();
  PageRing<kConfig> ring{
      .stages = query_tile +
                static_cast<std::uint32_t>(kConfig.query_bytes() + warp * kConfig.ring_bytes()),
      .k = static_cast<const char*>(arguments.k_cache) + lane_offset,
      .v = static_cast<const char*>(arguments.v_cache) + lane_offset,
      .page_table =
          arguments.page_table + static_cast<std::int64_t>(item.sequence) * arguments.max_pages,
      .page_size = arguments.page_size,
      .page_bytes = arguments.page_size * row_stride_bytes,
      .row_stride_bytes = row_stride_bytes,
      .end = end,
      .next_key = first_key + warp * kConfig.key_tile,
      .lane = lane,
  };
  ring.look_up_pages();
#pragma unroll
  for (int stage = 0; stage < kConfig.stages - 1; ++stage) {
    ring.prefetch();
  }
  ptx::cp_async_wait<kConfig.stages - 1>();
  __syncthreads();  // every thread copied a part of Q

  const LaneOffsets<kTile> offsets(lane);
  QueryFragments<kTile> query;
  query.load(query_tile, offsets);
  WarpState<kTile> state;
  const float scale_log2 = arguments.scale * 1.44269504088896341F;
  std::uint32_t stage = 0;
  for (int key = first_key + warp * kConfig.key_tile; key < end;
       key += kConfig.key_tile * kConfig.warps) {
    ring.acquire_and_refill();
    Scores<kTile> scores;
    multiply_query_keys<kTile, T>(scores, query, query_tile, ring.stages + stage, offsets);
    PageRing<kConfig>::advance(stage);
    if (key + kConfig.key_tile > end) {
      mask_scores<kTile>(scores, LastKeys{.count = end}, 0, key, lane);
    }
    Probabilities<kTile> probabilities;
    online_softmax<kTile, T>(probabilities, scores, state, scale_log2);
    ring.acquire_and_refill();
    multiply_probabilities_values<kTile, T>(state.output, probabilities, ring.stages + stage,
                                            offsets);
    PageRing<kConfig>::advance(stage);
  }

  __syncthreads();  // the rings are read to the end; nothing is in flight but empty groups
  const MergeBuffer<kConfig> merge{.memory = shared + kConfig.query_bytes()};
  merge.put(state, warp, lane);
  __syncthreads();
  merge_and_store<kConfig, T>(arguments, merge, item, first_head, heads);
}

constexpr KernelTable<void (*)(DecodeArguments)> kKernels{
    .bf16_64 = &attention_decode_sm80<64, __nv_bfloat16>,
    .bf16_128 = &attention_decode_sm80<128, __nv_bfloat16>,
    .fp16_64 = &attention_decode_sm80<64, __half>,
    .fp16_128 = &attention_decode_sm80<128, __half>,
};

}  // namespace

void enable_decode_sm80(const DecodeProblem& problem) {
  const DecodeShape& shape = problem.shape();
  allow_shared_bytes(kKernels.of(shape.type, shape.head_dim),
                     decode_config(shape.head_dim).shared_bytes());
}

void launch_decode_sm80(const DecodeProblem& problem, const DecodeArguments& arguments,
                        cudaStream_t stream) {
  const DecodeConfig& config = decode_config(problem.shape().head_dim);
  const auto blocks = static_cast<unsigned>(arguments.item_count) *
                      static_cast<unsigned>(arguments.kv_heads * arguments.group_tiles);
  const auto kernel = kKernels.of(problem.shape().type, problem.shape().head_dim);
  kernel<<<blocks, static_cast<unsigned>(config.threads()),
           static_cast<std::size_t>(config.shared_bytes()), stream>>>(arguments);
  RACKPROOF_CUDA(cudaGetLastError());
}

KernelResources decode_sm80_resources(const DecodeProblem& problem, std::int64_t items) {
  const DecodeShape& shape = problem.shape();
  const DecodeConfig& config = decode_config(shape.head_dim);
  return resources_of(
      kKernels.of(shape.type, shape.head_dim),
      instance_name("attention_decode_sm80", shape.type, shape.head_dim),
      {.blocks = items * shape.kv_heads * group_tiles(shape.q_heads, shape.kv_heads),
       .threads = config.threads(),
       .shared_bytes = config.shared_bytes()});
}

std::int64_t decode_sm80_resident(const DecodeProblem& problem) {
  const DecodeConfig& config = decode_config(problem.shape().head_dim);
  int device = 0;
  int multiprocessors = 0;
  int blocks = 0;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  RACKPROOF_CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &blocks, kKernels.of(problem.shape().type, problem.shape().head_dim), config.threads(),
      static_cast<std::size_t>(config.shared_bytes())));
  return std::int64_t{blocks} * multiprocessors;
}

}  // namespace rackproof::kernels::attention::decode

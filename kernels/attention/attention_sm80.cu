/// Attention forward for sm_80 and everything newer: mma.sync, cp.async, ldmatrix.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/sm80_config.hpp"
#include "kernels/attention/sm80_memory.cuh"
#include "kernels/attention/sm80_tile.cuh"
#include "kernels/ptx/address.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

#include <string>

namespace rackproof::kernels::attention {
namespace {

/// The entry takes the head dimension: nvcc 13.0 writes host stubs of a structural template
/// argument without its namespace, which does not compile.
template <int kHeadDim, typename T>
__global__ void __launch_bounds__(sm80_config(kHeadDim).threads(),
                                  sm80_config(kHeadDim).min_blocks_per_sm)
    attention_forward_sm80(const __grid_constant__ AttentionArguments arguments,
                           const __grid_constant__ TileOrder order) {
  constexpr Sm80Config kConfig = kHeadDim == 64 ? kHeadDim64 : kHeadDim128;
  using Shape = Sm80Shape<kConfig>;
  extern __shared__ __align__(256) char shared[];
  const std::uint32_t query_tile = ptx::shared_address(shared);
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;

  const TileOrder::Tile tile = order.tile(blockIdx.x);
  const int batch = static_cast<int>(tile.head) / arguments.q_heads;
  const int q_head = static_cast<int>(tile.head) % arguments.q_heads;
  const int kv_head = q_head / arguments.q_heads_per_kv_head;
  const int first_row = static_cast<int>(tile.query_tile) * kConfig.query_tile;
  const int last_row = min(first_row + kConfig.query_tile, arguments.q_len) - 1;
  const std::int64_t q_offset =
      (batch * arguments.q_strides.batch + q_head * arguments.q_strides.head) * kElementBytes;
  const std::int64_t kv_offset =
      (batch * arguments.kv_strides.batch + kv_head * arguments.kv_strides.head) * kElementBytes;

  // Rows see the first visible_keys(row) keys, more the further down: tiles beyond those of the
  // last row are skipped, tiles within those of the first need no mask.
  const int unmasked_keys = arguments.visible_keys(first_row);
  const int tiles = (arguments.visible_keys(last_row) + kConfig.key_tile - 1) / kConfig.key_tile;

  KeyValueRing<kConfig> ring{
      .stages = query_tile + Shape::kQueryBytes,
      .k = static_cast<const char*>(arguments.k) + kv_offset,
      .v = static_cast<const char*>(arguments.v) + kv_offset,
      .row_stride_bytes = static_cast<std::int32_t>(arguments.kv_strides.row) * kElementBytes,
      .kv_len = arguments.kv_len,
      .tiles = tiles,
  };
  if (tiles > 0) {
    copy_rows_async<kConfig, kConfig.query_tile>(
        query_tile, static_cast<const char*>(arguments.q) + q_offset,
        static_cast<std::int32_t>(arguments.q_strides.row) * kElementBytes, first_row,
        arguments.q_len);
  }
#pragma unroll
  for (int stage = 0; stage < kConfig.stages - 1; ++stage) {
    ring.prefetch();  // Q belongs to the first group
  }

  const LaneOffsets<kConfig> offsets(lane);
  const std::uint32_t warp_rows =
      query_tile + static_cast<std::uint32_t>(warp * Shape::kWarpRows * Shape::kRowBytes);
  const int warp_first_row = first_row + warp * Shape::kWarpRows;
  const float scale_log2 = arguments.scale * 1.44269504088896341F;
  QueryFragments<kConfig> query;
  WarpState<kConfig> state;
  std::uint32_t stage = 0;
  for (int step = 0; step < tiles; ++step) {
    ring.acquire_and_refill();
    if (step == 0) {
      query.load(warp_rows, offsets);
    }
    Scores<kConfig> scores;
    multiply_query_keys<kConfig, T>(scores, query, warp_rows, ring.stages + stage, offsets);
    KeyValueRing<kConfig>::advance(stage);
    const int first_key = (tiles - 1 - step) * kConfig.key_tile;
    if (first_key + kConfig.key_tile > unmasked_keys) {
      mask_scores<kConfig>(scores, arguments, warp_first_row + lane / 4, first_key, lane);
    }
    Probabilities<kConfig> probabilities;
    online_softmax<kConfig, T>(probabilities, scores, state, scale_log2);
    ring.acquire_and_refill();
    multiply_probabilities_values<kConfig, T>(state, probabilities, ring.stages + stage, offsets);
    KeyValueRing<kConfig>::advance(stage);
  }
  store_output<kConfig, T>(state, arguments, static_cast<char*>(arguments.o) + q_offset,
                           arguments.lse + static_cast<std::int64_t>(tile.head) * arguments.q_len,
                           warp_rows, warp_first_row, lane);
}

using Kernel = void (*)(AttentionArguments, TileOrder);

Kernel kernel_of(ElementType type, std::int64_t head_dim) {
  if (type == ElementType::bf16) {
    return head_dim == 64 ? &attention_forward_sm80<64, __nv_bfloat16>
                          : &attention_forward_sm80<128, __nv_bfloat16>;
  }
  return head_dim == 64 ? &attention_forward_sm80<64, __half>
                        : &attention_forward_sm80<128, __half>;
}

}  // namespace

void enable_sm80(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  RACKPROOF_CUDA(cudaFuncSetAttribute(kernel_of(shape.type, shape.head_dim),
                                      cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      sm80_config(shape.head_dim).shared_bytes()));
}

void launch_sm80(const AttentionProblem& problem, const AttentionArguments& arguments,
                 const TileOrder& order, cudaStream_t stream) {
  const AttentionShape& shape = problem.shape();
  const Sm80Config& config = sm80_config(shape.head_dim);
  const Kernel kernel = kernel_of(shape.type, shape.head_dim);
  kernel<<<order.heads * order.query_tiles, static_cast<unsigned>(config.threads()),
           static_cast<std::size_t>(config.shared_bytes()), stream>>>(arguments, order);
  RACKPROOF_CUDA(cudaGetLastError());
}

KernelResources sm80_resources(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  const Sm80Config& config = sm80_config(shape.head_dim);
  cudaFuncAttributes attributes{};
  RACKPROOF_CUDA(cudaFuncGetAttributes(
      &attributes, reinterpret_cast<const void*>(kernel_of(shape.type, shape.head_dim))));
  const std::int64_t query_tiles = (shape.q_len + config.query_tile - 1) / config.query_tile;
  return {
      .kernel = "attention_forward_sm80<" + std::to_string(shape.head_dim) + ", " +
                std::string(to_string(shape.type)) + ">",
      .registers_per_thread = attributes.numRegs,
      .spill_bytes_per_thread = static_cast<int>(attributes.localSizeBytes),
      .shared_bytes_per_block =
          static_cast<int>(attributes.sharedSizeBytes) + config.shared_bytes(),
      .threads_per_block = config.threads(),
      .blocks = query_tiles * shape.batch * shape.q_heads,
  };
}

int sm80_occupancy(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  const Sm80Config& config = sm80_config(shape.head_dim);
  int blocks = 0;
  RACKPROOF_CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &blocks, kernel_of(shape.type, shape.head_dim), config.threads(),
      static_cast<std::size_t>(config.shared_bytes())));
  return blocks;
}

}  // namespace rackproof::kernels::attention

/// Attention forward for sm_80 and everything newer: mma.sync, cp.async, ldmatrix.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/kernel_table.hpp"
#include "kernels/attention/sm80_config.hpp"
#include "kernels/attention/sm80_forward.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

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
  extern __shared__ __align__(256) char shared[];
  const TileOrder::Tile tile = order.tile(blockIdx.x);
  const int batch = static_cast<int>(tile.head) / arguments.q_heads;
  const int q_head = static_cast<int>(tile.head) % arguments.q_heads;
  const int kv_head = q_head / arguments.q_heads_per_kv_head;
  const std::int64_t q_offset =
      (batch * arguments.q_strides.batch + q_head * arguments.q_strides.head) * kElementBytes;
  const std::int64_t kv_offset =
      (batch * arguments.kv_strides.batch + kv_head * arguments.kv_strides.head) * kElementBytes;
  forward_tile<kConfig, T>(
      arguments, PrefixView{arguments},
      {.q = static_cast<const char*>(arguments.q) + q_offset,
       .k = static_cast<const char*>(arguments.k) + kv_offset,
       .v = static_cast<const char*>(arguments.v) + kv_offset,
       .o = static_cast<char*>(arguments.o) + q_offset,
       .lse = arguments.lse + static_cast<std::int64_t>(tile.head) * arguments.q_len},
      static_cast<int>(tile.query_tile) * kConfig.query_tile, ptx::shared_address(shared));
}

constexpr KernelTable<void (*)(AttentionArguments, TileOrder)> kKernels{
    .bf16_64 = &attention_forward_sm80<64, __nv_bfloat16>,
    .bf16_128 = &attention_forward_sm80<128, __nv_bfloat16>,
    .fp16_64 = &attention_forward_sm80<64, __half>,
    .fp16_128 = &attention_forward_sm80<128, __half>,
};

}  // namespace

void enable_sm80(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  allow_shared_bytes(kKernels.of(shape.type, shape.head_dim),
                     sm80_config(shape.head_dim).shared_bytes());
}

void launch_sm80(const AttentionProblem& problem, const AttentionArguments& arguments,
                 const TileOrder& order, cudaStream_t stream) {
  const AttentionShape& shape = problem.shape();
  const Sm80Config& config = sm80_config(shape.head_dim);
  const auto kernel = kKernels.of(shape.type, shape.head_dim);
  kernel<<<order.heads * order.query_tiles, static_cast<unsigned>(config.threads()),
           static_cast<std::size_t>(config.shared_bytes()), stream>>>(arguments, order);
  RACKPROOF_CUDA(cudaGetLastError());
}

KernelResources sm80_resources(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  const Sm80Config& config = sm80_config(shape.head_dim);
  const std::int64_t query_tiles = (shape.q_len + config.query_tile - 1) / config.query_tile;
  return resources_of(kKernels.of(shape.type, shape.head_dim),
                      instance_name("attention_forward_sm80", shape.type, shape.head_dim),
                      {.blocks = query_tiles * shape.batch * shape.q_heads,
                       .threads = config.threads(),
                       .shared_bytes = config.shared_bytes()});
}

int sm80_occupancy(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  const Sm80Config& config = sm80_config(shape.head_dim);
  int blocks = 0;
  RACKPROOF_CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &blocks, kKernels.of(shape.type, shape.head_dim), config.threads(),
      static_cast<std::size_t>(config.shared_bytes())));
  return blocks;
}

}  // namespace rackproof::kernels::attention

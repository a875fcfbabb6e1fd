/// Attention forward of packed and windowed batches for sm_80 and everything newer.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/kernel_table.hpp"
#include "kernels/attention/sm80_config.hpp"
#include "kernels/attention/sm80_forward.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

namespace rackproof::kernels::attention {
namespace {

template <int kHeadDim, typename T>
__global__ void __launch_bounds__(sm80_config(kHeadDim).threads(),
                                  sm80_config(kHeadDim).min_blocks_per_sm)
    attention_forward_packed_sm80(const __grid_constant__ AttentionArguments arguments) {
  constexpr Sm80Config kConfig = kHeadDim == 64 ? kHeadDim64 : kHeadDim128;
  extern __shared__ __align__(256) char shared[];
  const int q_head = static_cast<int>(blockIdx.x) % arguments.q_heads;
  const PackedTile tile = arguments.tiles[static_cast<int>(blockIdx.x) / arguments.q_heads];
  const int first_row = tile.query_tile * kConfig.query_tile;

  int q_begin = 0;
  int q_len = arguments.q_len;
  int kv_begin = 0;
  int kv_len = arguments.kv_len;
  if (arguments.cu_seqlens_q != nullptr) {
    q_begin = arguments.cu_seqlens_q[tile.sequence];
    q_len = arguments.cu_seqlens_q[tile.sequence + 1] - q_begin;
    kv_begin = arguments.cu_seqlens_kv[tile.sequence];
    kv_len = arguments.cu_seqlens_kv[tile.sequence + 1] - kv_begin;
  }
  const SequenceMask mask = arguments.mask(q_len, kv_len);
  // Tiles before the first key of the first row are out of every row's window.
  const int first_key = min(mask.begin(first_row), kv_len) / kConfig.key_tile * kConfig.key_tile;
  const std::int64_t q_offset =
      (tile.sequence * arguments.q_strides.batch + q_head * arguments.q_strides.head +
       q_begin * arguments.q_strides.row) *
      kElementBytes;
  const std::int64_t kv_offset =
      (tile.sequence * arguments.kv_strides.batch +
       q_head / arguments.q_heads_per_kv_head * arguments.kv_strides.head +
       (kv_begin + first_key) * arguments.kv_strides.row) *
      kElementBytes;
  forward_tile<kConfig, T>(arguments, WindowView{.rows = q_len, .mask = mask.from_key(first_key)},
                           {.q = static_cast<const char*>(arguments.q) + q_offset,
                            .k = static_cast<const char*>(arguments.k) + kv_offset,
                            .v = static_cast<const char*>(arguments.v) + kv_offset,
                            .o = static_cast<char*>(arguments.o) + q_offset,
                            .lse = arguments.lse + tile.sequence * arguments.lse_batch_stride +
                                   q_head * arguments.lse_head_stride + q_begin},
                           first_row, ptx::shared_address(shared));
}

constexpr KernelTable<void (*)(AttentionArguments)> kKernels{
    .bf16_64 = &attention_forward_packed_sm80<64, __nv_bfloat16>,
    .bf16_128 = &attention_forward_packed_sm80<128, __nv_bfloat16>,
    .fp16_64 = &attention_forward_packed_sm80<64, __half>,
    .fp16_128 = &attention_forward_packed_sm80<128, __half>,
};

}  // namespace

void enable_packed_sm80(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  allow_shared_bytes(kKernels.of(shape.type, shape.head_dim),
                     sm80_config(shape.head_dim).shared_bytes());
}

void launch_packed_sm80(const AttentionProblem& problem, const AttentionArguments& arguments,
                        cudaStream_t stream) {
  const AttentionShape& shape = problem.shape();
  const Sm80Config& config = sm80_config(shape.head_dim);
  const auto kernel = kKernels.of(shape.type, shape.head_dim);
  const auto heads = static_cast<unsigned>(arguments.q_heads);
  kernel<<<arguments.tile_count * heads, static_cast<unsigned>(config.threads()),
           static_cast<std::size_t>(config.shared_bytes()), stream>>>(arguments);
  RACKPROOF_CUDA(cudaGetLastError());
}

KernelResources packed_sm80_resources(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  const Sm80Config& config = sm80_config(shape.head_dim);
  const std::size_t tiles = packed_tiles(problem, config.query_tile).size();
  return resources_of(kKernels.of(shape.type, shape.head_dim),
                      instance_name("attention_forward_packed_sm80", shape.type, shape.head_dim),
                      {.blocks = static_cast<std::int64_t>(tiles) * shape.q_heads,
                       .threads = config.threads(),
                       .shared_bytes = config.shared_bytes()});
}

}  // namespace rackproof::kernels::attention

#include "kernels/attention/attention_launch.hpp"

#include "runtime/error.hpp"

#include <algorithm>
#include <span>

namespace rackproof::kernels::attention {
namespace {

TileOrder make_order(const AttentionProblem& problem, std::int64_t query_tile) {
  const AttentionShape& shape = problem.shape();
  int device = 0;
  int l2_bytes = 0;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, device));
  const auto heads = static_cast<std::uint32_t>(shape.batch * shape.q_heads);
  const std::uint64_t kv_bytes_per_head = 2 * problem.kv_elements() * element_bytes(shape.type) /
                                          static_cast<std::uint64_t>(shape.batch * shape.kv_heads);
  return {
      .heads = heads,
      .query_tiles = static_cast<std::uint32_t>((shape.q_len + query_tile - 1) / query_tile),
      .heads_per_group = heads_per_l2_group(
          kv_bytes_per_head, static_cast<std::uint32_t>(shape.q_heads / shape.kv_heads),
          static_cast<std::uint64_t>(std::max(0, l2_bytes)), heads),
  };
}

}  // namespace

AttentionArguments make_arguments(const AttentionProblem& problem) {
  const AttentionShape& shape = problem.shape();
  AttentionArguments arguments;
  arguments.q_strides = problem.q_strides();
  arguments.kv_strides = problem.kv_strides();
  arguments.q_heads = static_cast<std::int32_t>(shape.q_heads);
  arguments.q_heads_per_kv_head = static_cast<std::int32_t>(shape.q_heads / shape.kv_heads);
  arguments.q_len = static_cast<std::int32_t>(shape.q_len);
  arguments.kv_len = static_cast<std::int32_t>(shape.kv_len);
  arguments.scale = static_cast<float>(problem.scale());
  arguments.causal = shape.mask == Mask::causal;
  const auto window = [](std::int64_t side) {
    return side == kUnlimited ? AttentionArguments::kUnlimitedWindow
                              : static_cast<std::int32_t>(side);
  };
  arguments.window_left = window(shape.window_left);
  arguments.window_right = window(shape.window_right);
  arguments.lse_batch_stride = problem.packed() ? 0 : shape.q_heads * shape.q_len;
  arguments.lse_head_stride = problem.packed() ? problem.q_rows() : shape.q_len;
  return arguments;
}

SequenceTables sequence_tables(const AttentionProblem& problem) {
  if (!problem.packed()) {
    return {};
  }
  std::vector<std::int32_t> q;
  std::vector<std::int32_t> kv;
  for (std::int64_t sequence = 0; sequence < problem.shape().batch; ++sequence) {
    q.push_back(static_cast<std::int32_t>(problem.q_begin(sequence)));
    kv.push_back(static_cast<std::int32_t>(problem.kv_begin(sequence)));
  }
  q.push_back(static_cast<std::int32_t>(problem.q_rows()));
  kv.push_back(static_cast<std::int32_t>(problem.kv_rows()));
  return {.q = runtime::DeviceBuffer<std::int32_t>(std::span<const std::int32_t>(q)),
          .kv = runtime::DeviceBuffer<std::int32_t>(std::span<const std::int32_t>(kv))};
}

AttentionLaunch::AttentionLaunch(const Implementation& implementation,
                                 const AttentionProblem& problem)
    : implementation_(implementation),
      problem_(problem),
      order_(make_order(problem, implementation.geometry(problem.shape().head_dim, 0).query_tile)) {
  implementation.enable(problem);
  if (problem.packed() || problem.windowed()) {
    const auto tiles =
        packed_tiles(problem, implementation.geometry(problem.shape().head_dim, 0).query_tile);
    tiles_ = runtime::DeviceBuffer<PackedTile>(std::span<const PackedTile>(tiles));
  }
}

void AttentionLaunch::enqueue(AttentionArguments arguments, cudaStream_t stream) const {
  arguments.tiles = tiles_.data();
  arguments.tile_count = static_cast<std::uint32_t>(tiles_.size());
  implementation_.launch(problem_, arguments, order_, stream);
}

}  // namespace rackproof::kernels::attention

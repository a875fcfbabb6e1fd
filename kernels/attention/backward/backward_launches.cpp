#include "kernels/attention/backward/backward_launches.hpp"

namespace rackproof::kernels::attention::backward {
namespace {

std::int64_t padded(std::int64_t q_len) {
  return (q_len + kQueryTile - 1) / kQueryTile * kQueryTile;
}

/// Rows of statistics of one head before a sequence.
std::int64_t padded_begin(const BackwardProblem& problem, std::int64_t batch) {
  std::int64_t rows = 0;
  for (std::int64_t before = 0; before < batch; ++before) {
    rows += padded(problem.forward().lengths(before).q);
  }
  return rows;
}

template <typename T>
T* moved(T* pointer, std::int64_t distance) {
  return pointer == nullptr ? nullptr : pointer + distance;
}

}  // namespace

std::int64_t statistics_rows(const BackwardProblem& problem) {
  return padded_begin(problem, problem.shape().batch) * problem.shape().q_heads;
}

std::int64_t statistics_index(const BackwardProblem& problem, std::int64_t batch,
                              std::int64_t q_head, std::int64_t row) {
  return padded_begin(problem, batch) * problem.shape().q_heads +
         q_head * padded(problem.forward().lengths(batch).q) + row;
}

std::vector<BackwardArguments> make_launches(const BackwardProblem& problem,
                                             const BackwardArrays& arrays) {
  const AttentionProblem& forward = problem.forward();
  const AttentionShape& shape = problem.shape();
  const AttentionArguments shapes = make_arguments(forward);
  const auto bytes = static_cast<std::int64_t>(element_bytes(shape.type));
  std::vector<BackwardArguments> launches;
  const std::int64_t count = forward.packed() ? shape.batch : 1;
  std::int64_t statistics = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const SequenceLengths lengths = forward.lengths(i);
    // Of an empty sequence nothing is read: its first row need not exist.
    const std::int64_t q = forward.q_begin(i) * forward.q_strides().row * bytes;
    const std::int64_t kv = forward.kv_begin(i) * forward.kv_strides().row * bytes;
    const auto q_len = static_cast<std::int32_t>(lengths.q);
    const auto kv_len = static_cast<std::int32_t>(lengths.kv);
    launches.push_back({.q = moved(arrays.q, q),
                        .k = moved(arrays.k, kv),
                        .v = moved(arrays.v, kv),
                        .o = moved(arrays.o, q),
                        .d_o = moved(arrays.d_o, q),
                        .lse = moved(arrays.lse, forward.q_begin(i)),
                        .dq = moved(arrays.dq, q),
                        .dk = moved(arrays.dk, kv),
                        .dv = moved(arrays.dv, kv),
                        .statistics = moved(arrays.statistics, statistics),
                        .dq_sums = moved(arrays.dq_sums, statistics * shape.head_dim),
                        .lse_head_stride = shapes.lse_head_stride,
                        .q_strides = shapes.q_strides,
                        .kv_strides = shapes.kv_strides,
                        .mask = shapes.mask(q_len, kv_len),
                        .batch = static_cast<std::int32_t>(forward.packed() ? 1 : shape.batch),
                        .q_heads = shapes.q_heads,
                        .kv_heads = static_cast<std::int32_t>(shape.kv_heads),
                        .group = shapes.q_heads_per_kv_head,
                        .q_len = q_len,
                        .kv_len = kv_len,
                        .padded_q_len = static_cast<std::int32_t>(padded(lengths.q)),
                        .scale = shapes.scale});
    statistics += padded(lengths.q) * shape.q_heads;
  }
  return launches;
}

}  // namespace rackproof::kernels::attention::backward

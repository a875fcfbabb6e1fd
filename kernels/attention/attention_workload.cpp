#include "kernels/attention/attention_workload.hpp"

#include "kernels/attention/attention_verify.hpp"
#include "kernels/common/random_fill.hpp"
#include "runtime/error.hpp"

#include <algorithm>

namespace rackproof::kernels::attention {
namespace {

/// NaN in bf16, fp16 and fp32: an element that no kernel writes cannot pass.
constexpr int kPoison = 0xff;

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
  arguments.q_strides = strides(shape.layout, shape.q_heads, shape.q_len, shape.head_dim);
  arguments.kv_strides = strides(shape.layout, shape.kv_heads, shape.kv_len, shape.head_dim);
  arguments.q_heads = static_cast<std::int32_t>(shape.q_heads);
  arguments.q_heads_per_kv_head = static_cast<std::int32_t>(shape.q_heads / shape.kv_heads);
  arguments.q_len = static_cast<std::int32_t>(shape.q_len);
  arguments.kv_len = static_cast<std::int32_t>(shape.kv_len);
  arguments.scale = static_cast<float>(problem.scale());
  arguments.causal = shape.mask == Mask::causal;
  return arguments;
}

AttentionWorkload::AttentionWorkload(const Implementation& implementation,
                                     const AttentionProblem& problem, const PrepareOptions& options)
    : implementation_(implementation),
      problem_(problem),
      order_(make_order(problem, implementation.geometry(problem.shape().head_dim, 0).query_tile)) {
  const std::uint64_t sets = options.rotate_beyond_bytes / problem.set_bytes() + 1;
  for (std::uint64_t set = 0; set < sets; ++set) {
    sets_.push_back(make_set(derive_seed(options.seed, set)));
  }
  // The fills ran on the default stream, which the caller's streams do not wait for.
  RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
}

AttentionWorkload::BufferSet AttentionWorkload::make_set(std::uint64_t seed) const {
  const ElementType type = problem_.shape().type;
  const std::size_t q_elements = problem_.q_elements();
  const std::size_t kv_elements = problem_.kv_elements();
  const std::size_t bytes = element_bytes(type);
  BufferSet set{.q = runtime::DeviceBuffer<std::byte>(q_elements * bytes),
                .k = runtime::DeviceBuffer<std::byte>(kv_elements * bytes),
                .v = runtime::DeviceBuffer<std::byte>(kv_elements * bytes),
                .o = runtime::DeviceBuffer<std::byte>(q_elements * bytes),
                .lse = runtime::DeviceBuffer<float>(problem_.lse_elements())};
  fill_uniform(set.q.data(), type, q_elements, derive_seed(seed, 0), nullptr);
  fill_uniform(set.k.data(), type, kv_elements, derive_seed(seed, 1), nullptr);
  fill_uniform(set.v.data(), type, kv_elements, derive_seed(seed, 2), nullptr);
  RACKPROOF_CUDA(cudaMemsetAsync(set.o.data(), kPoison, set.o.size_bytes(), nullptr));
  RACKPROOF_CUDA(cudaMemsetAsync(set.lse.data(), kPoison, set.lse.size_bytes(), nullptr));
  return set;
}

AttentionArguments AttentionWorkload::arguments_of(BufferSet& set) const {
  AttentionArguments arguments = make_arguments(problem_);
  arguments.q = set.q.data();
  arguments.k = set.k.data();
  arguments.v = set.v.data();
  arguments.o = set.o.data();
  arguments.lse = set.lse.data();
  return arguments;
}

void AttentionWorkload::launch(cudaStream_t stream) {
  implementation_.launch(problem_, arguments_of(sets_[next_set_]), order_, stream);
  last_set_ = next_set_;
  next_set_ = (next_set_ + 1) % sets_.size();
}

KernelResources AttentionWorkload::resources() const {
  return implementation_.resources(problem_);
}

OutputView AttentionWorkload::output() {
  return {.data = sets_[last_set_].o.data(),
          .elements = problem_.q_elements(),
          .element_bytes = element_bytes(problem_.shape().type)};
}

Verification AttentionWorkload::verify(cudaStream_t stream) {
  return verify_beyond(kHostMultiplyAdds, stream);
}

Verification AttentionWorkload::verify_beyond(double host_multiply_adds, cudaStream_t stream) {
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));
  BufferSet& set = sets_[last_set_];
  const HostArrays arrays{.q = set.q.download(),
                          .k = set.k.download(),
                          .v = set.v.download(),
                          .o = set.o.download(),
                          .lse = set.lse.download()};
  return verify_output(problem_, arrays, arguments_of(set), stream, host_multiply_adds);
}

}  // namespace rackproof::kernels::attention

#include "kernels/attention/attention_workload.hpp"

#include "kernels/attention/attention_verify.hpp"
#include "kernels/common/random_fill.hpp"
#include "runtime/error.hpp"

#include <algorithm>

namespace rackproof::kernels::attention {
namespace {

/// NaN in bf16, fp16 and fp32: an element that no kernel writes cannot pass.
constexpr int kPoison = 0xff;

using Bytes = runtime::DeviceBuffer<std::byte>;

void copy(Bytes& destination, const Bytes& source) {
  RACKPROOF_CUDA(cudaMemcpyAsync(destination.data(), source.data(), source.size_bytes(),
                                 cudaMemcpyDeviceToDevice, nullptr));
}

}  // namespace

AttentionWorkload::AttentionWorkload(const Implementation& implementation,
                                     const AttentionProblem& problem, const PrepareOptions& options)
    : implementation_(implementation), problem_(problem), launch_(implementation, problem_) {
  const std::uint64_t sets = options.rotate_beyond_bytes / problem.set_bytes() + 1;
  for (std::uint64_t set = 0; set < sets; ++set) {
    sets_.push_back(make_set());
  }
  const ElementType type = problem.shape().type;
  BufferSet& first = sets_.front();
  fill_uniform(first.q.data(), type, problem.q_elements(), derive_seed(options.seed, 0), nullptr);
  fill_uniform(first.k.data(), type, problem.kv_elements(), derive_seed(options.seed, 1), nullptr);
  fill_uniform(first.v.data(), type, problem.kv_elements(), derive_seed(options.seed, 2), nullptr);
  for (auto set = sets_.begin() + 1; set != sets_.end(); ++set) {
    copy(set->q, first.q);
    copy(set->k, first.k);
    copy(set->v, first.v);
  }
  // All this ran on the default stream, which the caller's streams do not wait for.
  RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
}

AttentionWorkload::BufferSet AttentionWorkload::make_set() const {
  const std::size_t bytes = element_bytes(problem_.shape().type);
  const std::size_t q_bytes = problem_.q_elements() * bytes;
  const std::size_t kv_bytes = problem_.kv_elements() * bytes;
  BufferSet set{.q = Bytes(q_bytes),
                .k = Bytes(kv_bytes),
                .v = Bytes(kv_bytes),
                .o = Bytes(q_bytes),
                .lse = runtime::DeviceBuffer<float>(problem_.lse_elements()),
                .tables = sequence_tables(problem_)};
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
  arguments.cu_seqlens_q = set.tables.q.data();
  arguments.cu_seqlens_kv = set.tables.kv.data();
  return arguments;
}

void AttentionWorkload::launch(cudaStream_t stream) {
  launch_.enqueue(arguments_of(sets_[next_set_]), stream);
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

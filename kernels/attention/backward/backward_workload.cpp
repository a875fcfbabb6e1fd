#include "kernels/attention/backward/backward_workload.hpp"

#include "kernels/attention/attention_launch.hpp"
#include "kernels/attention/backward/backward_launches.hpp"
#include "kernels/common/random_fill.hpp"
#include "runtime/error.hpp"

namespace rackproof::kernels::attention::backward {
namespace {

/// NaN in bf16, fp16 and fp32: an element that no kernel writes cannot pass.
constexpr int kPoison = 0xff;

using Bytes = runtime::DeviceBuffer<std::byte>;

/// O and lse of Q, K and V, by the forward kernel.
void run_forward(const AttentionProblem& problem, const void* q, const void* k, const void* v,
                 void* o, float* lse) {
  const AttentionLaunch launch(implementations().front(), problem);
  const SequenceTables tables = sequence_tables(problem);
  AttentionArguments arguments = make_arguments(problem);
  arguments.cu_seqlens_q = tables.q.data();
  arguments.cu_seqlens_kv = tables.kv.data();
  arguments.q = q;
  arguments.k = k;
  arguments.v = v;
  arguments.o = o;
  arguments.lse = lse;
  launch.enqueue(arguments, nullptr);
  RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
}

}  // namespace

BackwardWorkload::BackwardWorkload(const BackwardProblem& problem, bool sum_dq,
                                   const PrepareOptions& options)
    : problem_(problem), sum_dq_(sum_dq) {
  enable_backward_kv_sm80(choice(), sum_dq_);
  const auto rows = static_cast<std::size_t>(statistics_rows(problem_));
  statistics_ = runtime::DeviceBuffer<RowStatistics>(rows);
  if (sum_dq_) {
    dq_sums_ =
        runtime::DeviceBuffer<float>(rows * static_cast<std::size_t>(problem_.shape().head_dim));
  } else {
    enable_backward_q_sm80(choice());
  }
  const std::uint64_t sets = options.rotate_beyond_bytes / problem_.footprint_bytes() + 1;
  for (std::uint64_t set = 0; set < sets; ++set) {
    sets_.push_back(make_set(options.seed));
  }
}

BackwardWorkload::BufferSet BackwardWorkload::make_set(std::uint64_t seed) const {
  const AttentionProblem& forward = problem_.forward();
  const ElementType type = problem_.shape().type;
  const std::size_t q_bytes = forward.q_elements() * element_bytes(type);
  const std::size_t kv_bytes = forward.kv_elements() * element_bytes(type);
  BufferSet set{.q = Bytes(q_bytes),
                .k = Bytes(kv_bytes),
                .v = Bytes(kv_bytes),
                .o = Bytes(q_bytes),
                .d_o = Bytes(q_bytes),
                .lse = runtime::DeviceBuffer<float>(forward.lse_elements()),
                .gradients = Bytes(problem_.gradient_elements() * element_bytes(type))};
  fill_uniform(set.q.data(), type, forward.q_elements(), derive_seed(seed, 0), nullptr);
  fill_uniform(set.k.data(), type, forward.kv_elements(), derive_seed(seed, 1), nullptr);
  fill_uniform(set.v.data(), type, forward.kv_elements(), derive_seed(seed, 2), nullptr);
  fill_uniform(set.d_o.data(), type, forward.q_elements(), derive_seed(seed, 3), nullptr);
  RACKPROOF_CUDA(
      cudaMemsetAsync(set.gradients.data(), kPoison, set.gradients.size_bytes(), nullptr));
  run_forward(forward, set.q.data(), set.k.data(), set.v.data(), set.o.data(), set.lse.data());
  return set;
}

KernelChoice BackwardWorkload::choice() const {
  return {.type = problem_.shape().type, .head_dim = problem_.shape().head_dim};
}

std::vector<BackwardArguments> BackwardWorkload::launches_of(BufferSet& set) {
  const AttentionProblem& forward = problem_.forward();
  const std::size_t bytes = element_bytes(problem_.shape().type);
  const BackwardArrays arrays{
      .q = set.q.data(),
      .k = set.k.data(),
      .v = set.v.data(),
      .o = set.o.data(),
      .d_o = set.d_o.data(),
      .lse = set.lse.data(),
      .dq = set.gradients.data(),
      .dk = set.gradients.data() + forward.q_elements() * bytes,
      .dv = set.gradients.data() + (forward.q_elements() + forward.kv_elements()) * bytes,
      .statistics = statistics_.data(),
      .dq_sums = dq_sums_.data()};
  return make_launches(problem_, arrays);
}

void BackwardWorkload::launch(cudaStream_t stream) {
  if (sum_dq_) {
    RACKPROOF_CUDA(cudaMemsetAsync(dq_sums_.data(), 0, dq_sums_.size_bytes(), stream));
  }
  for (const BackwardArguments& arguments : launches_of(sets_[next_set_])) {
    const bool has_queries = arguments.q_len > 0;
    if (has_queries) {
      launch_preprocess_sm80(choice(), arguments, stream);
    }
    if (arguments.kv_len > 0) {
      launch_backward_kv_sm80(choice(), sum_dq_, arguments, stream);
    }
    if (has_queries && sum_dq_) {
      launch_convert_dq_sm80(choice(), arguments, stream);
    } else if (has_queries) {
      launch_backward_q_sm80(choice(), arguments, stream);
    }
  }
  last_set_ = next_set_;
  next_set_ = (next_set_ + 1) % sets_.size();
}

KernelResources BackwardWorkload::resources() const {
  KernelResources all;
  std::int64_t blocks = 0;
  for (const BackwardArguments& arguments : make_launches(problem_, {})) {
    all = backward_kv_sm80_resources(choice(), sum_dq_, arguments);
    blocks += all.blocks;
  }
  all.blocks = blocks;
  return all;
}

OutputView BackwardWorkload::output() {
  return {.data = sets_[last_set_].gradients.data(),
          .elements = problem_.gradient_elements(),
          .element_bytes = element_bytes(problem_.shape().type)};
}

Verification BackwardWorkload::verify(cudaStream_t stream) {
  return verify_beyond(kHostPairs, stream);
}

HostArrays BackwardWorkload::download() const {
  const BufferSet& set = sets_[last_set_];
  return {.q = set.q.download(),
          .k = set.k.download(),
          .v = set.v.download(),
          .o = set.o.download(),
          .d_o = set.d_o.download(),
          .statistics = statistics_.download(),
          .gradients = set.gradients.download()};
}

Verification BackwardWorkload::verify_beyond(double host_pairs, cudaStream_t stream) {
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));
  return verify_gradients(problem_, download(), launches_of(sets_[last_set_]), stream, host_pairs);
}

}  // namespace rackproof::kernels::attention::backward

#include "kernels/attention/attention.hpp"
#include "kernels/attention/attention_plan.hpp"
#include "kernels/attention/attention_workload.hpp"
#include "kernels/attention/implementations.hpp"

#include <stdexcept>

namespace rackproof::kernels::attention {
namespace {

const AttentionProblem& as_attention(const Problem& problem) {
  const auto* attention = dynamic_cast<const AttentionProblem*>(&problem);
  if (attention == nullptr) {
    throw std::invalid_argument("'" + problem.name() + "' is not an attention problem");
  }
  return *attention;
}

class AttentionOperation final : public Operation {
 public:
  AttentionOperation() {
    for (const Implementation& implementation : implementations()) {
      variants_.push_back(implementation.variant);
    }
  }

  [[nodiscard]] std::string_view name() const override { return "attention"; }
  [[nodiscard]] std::string_view summary() const override {
    return "attention forward: softmax(scale Q K^T + mask) V and its log-sum-exp; bf16, fp16";
  }
  [[nodiscard]] std::span<const Variant> variants() const override { return variants_; }

  [[nodiscard]] std::vector<PlannedProblem> plan(ParamReader& request,
                                                 const SizingContext& context) const override {
    return plan_attention(request, context);
  }

  [[nodiscard]] std::optional<NotSupported> unsupported(const Variant& variant,
                                                        const Problem& problem,
                                                        ComputeCapability cc) const override {
    const AttentionShape& shape = as_attention(problem).shape();
    const Implementation& implementation = implementation_of(variant);
    if (!runs_on(variant, cc)) {
      return NotSupported{"needs compute capability " + to_string(variant.minimum_cc) +
                          " or newer, found " + to_string(cc)};
    }
    const std::int64_t tile = implementation.geometry(shape.head_dim, 0).query_tile;
    constexpr std::int64_t kMaxBlocks = 0x7fffffff;  // gridDim.x, CUDA C Programming Guide
    if ((shape.q_len + tile - 1) / tile > kMaxBlocks / (shape.batch * shape.q_heads)) {
      return NotSupported{"more than 2^31 - 1 query tiles"};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::unique_ptr<Workload> prepare(const Variant& variant, const Problem& problem,
                                                  const PrepareOptions& options) const override {
    return std::make_unique<AttentionWorkload>(implementation_of(variant), as_attention(problem),
                                               options);
  }

  [[nodiscard]] std::variant<std::unique_ptr<Workload>, NotSupported> baseline(
      const Problem& /*problem*/, const PrepareOptions& /*options*/) const override {
    return NotSupported{"no attention library is among the dependencies (docs/dependencies.md)"};
  }
  [[nodiscard]] std::string baseline_name() const override { return {}; }

 private:
  std::vector<Variant> variants_;
};

}  // namespace

const Operation& attention_operation() {
  static const AttentionOperation operation;
  return operation;
}

}  // namespace rackproof::kernels::attention

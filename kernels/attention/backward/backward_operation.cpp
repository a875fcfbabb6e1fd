#include "kernels/attention/attention_plan.hpp"
#include "kernels/attention/backward/backward.hpp"
#include "kernels/attention/backward/backward_workload.hpp"
#include "kernels/attention/implementations.hpp"

#include <array>
#include <stdexcept>

namespace rackproof::kernels::attention::backward {
namespace {

constexpr std::string_view kAtomics = "sm80";
constexpr std::array kVariants{
    Variant{.name = kAtomics, .minimum_cc = {8, 0}, .maximum_cc = {99, 9}},
    Variant{.name = "sm80_deterministic", .minimum_cc = {8, 0}, .maximum_cc = {99, 9}},
};

const BackwardProblem& as_backward(const Problem& problem) {
  const auto* backward = dynamic_cast<const BackwardProblem*>(&problem);
  if (backward == nullptr) {
    throw std::invalid_argument("'" + problem.name() + "' is not a backward problem");
  }
  return *backward;
}

class BackwardOperation final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const override { return "attention_backward"; }
  [[nodiscard]] std::string_view summary() const override {
    return "attention backward: dQ, dK and dV; bf16 and fp16, with atomics or deterministic";
  }
  [[nodiscard]] std::span<const Variant> variants() const override { return kVariants; }

  /// The forward operation's shapes, and whether they must be deterministic.
  [[nodiscard]] std::vector<PlannedProblem> plan(ParamReader& request,
                                                 const SizingContext& context) const override {
    const bool deterministic = request.flag_or("deterministic", false);
    std::vector<PlannedProblem> plan = plan_attention(request, context);
    for (PlannedProblem& planned : plan) {
      const auto& forward = dynamic_cast<const AttentionProblem&>(*planned.problem);
      planned.problem = std::make_shared<BackwardProblem>(forward.shape(), deterministic);
    }
    return plan;
  }

  [[nodiscard]] std::optional<NotSupported> unsupported(const Variant& variant,
                                                        const Problem& problem,
                                                        ComputeCapability cc) const override {
    const BackwardProblem& backward = as_backward(problem);
    if (!runs_on(variant, cc)) {
      return NotSupported{"needs compute capability " + to_string(variant.minimum_cc) +
                          " or newer, found " + to_string(cc)};
    }
    if (variant.name == kAtomics && backward.deterministic()) {
      return NotSupported{"adds up dQ by atomics, in any order"};
    }
    constexpr std::int64_t kMaxBlocks = 0x7fffffff;  // gridDim.x, CUDA C Programming Guide
    const AttentionShape& shape = backward.shape();
    constexpr std::int64_t kSmallestTile = 8;  // query rows of one CTA of the preprocessing kernel
    if (shape.q_len / kSmallestTile + 1 > kMaxBlocks / (shape.batch * shape.q_heads) ||
        shape.kv_len / kSmallestTile + 1 > kMaxBlocks / (shape.batch * shape.q_heads)) {
      return NotSupported{"more than 2^31 - 1 tiles"};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::unique_ptr<Workload> prepare(const Variant& variant, const Problem& problem,
                                                  const PrepareOptions& options) const override {
    return std::make_unique<BackwardWorkload>(as_backward(problem), variant.name == kAtomics,
                                              options);
  }

  [[nodiscard]] std::variant<std::unique_ptr<Workload>, NotSupported> baseline(
      const Problem& /*problem*/, const PrepareOptions& /*options*/) const override {
    return NotSupported{"no attention library is among the dependencies (docs/dependencies.md)"};
  }
  [[nodiscard]] std::string baseline_name() const override { return {}; }
};

}  // namespace

const Operation& backward_operation() {
  static const BackwardOperation operation;
  return operation;
}

}  // namespace rackproof::kernels::attention::backward

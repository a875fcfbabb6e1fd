#include "kernels/attention/decode/decode.hpp"
#include "kernels/attention/decode/decode_plan.hpp"
#include "kernels/attention/decode/decode_workload.hpp"
#include "kernels/attention/implementations.hpp"

#include <array>
#include <stdexcept>

namespace rackproof::kernels::attention::decode {
namespace {

constexpr std::array kVariants{
    Variant{.name = "sm80", .minimum_cc = {8, 0}, .maximum_cc = {99, 9}},
};

const DecodeProblem& as_decode(const Problem& problem) {
  const auto* decode = dynamic_cast<const DecodeProblem*>(&problem);
  if (decode == nullptr) {
    throw std::invalid_argument("'" + problem.name() + "' is not a decode problem");
  }
  return *decode;
}

class DecodeOperation final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const override { return "attention_decode"; }
  [[nodiscard]] std::string_view summary() const override {
    return "attention of one token a sequence over a paged key-value cache, split over keys";
  }
  [[nodiscard]] std::span<const Variant> variants() const override { return kVariants; }

  [[nodiscard]] std::vector<PlannedProblem> plan(ParamReader& request,
                                                 const SizingContext& context) const override {
    return plan_decode(request, context);
  }

  [[nodiscard]] std::optional<NotSupported> unsupported(const Variant& variant,
                                                        const Problem& problem,
                                                        ComputeCapability cc) const override {
    as_decode(problem);
    if (!runs_on(variant, cc)) {
      return NotSupported{"needs compute capability " + to_string(variant.minimum_cc) +
                          " or newer, found " + to_string(cc)};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::unique_ptr<Workload> prepare(const Variant&, const Problem& problem,
                                                  const PrepareOptions& options) const override {
    return std::make_unique<DecodeWorkload>(as_decode(problem), options);
  }

  [[nodiscard]] std::variant<std::unique_ptr<Workload>, NotSupported> baseline(
      const Problem& /*problem*/, const PrepareOptions& /*options*/) const override {
    return NotSupported{"no attention library is among the dependencies (docs/dependencies.md)"};
  }
  [[nodiscard]] std::string baseline_name() const override { return {}; }
};

}  // namespace

const Operation& decode_operation() {
  static const DecodeOperation operation;
  return operation;
}

}  // namespace rackproof::kernels::attention::decode

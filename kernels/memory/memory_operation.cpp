#include "kernels/memory/memory.hpp"
#include "kernels/memory/memory_kernel.hpp"
#include "kernels/memory/memory_plan.hpp"
#include "kernels/memory/memory_workload.hpp"

#include <array>

namespace rackproof::kernels::memory {
namespace {

constexpr std::array kVariants{
    Variant{.name = "sm80", .minimum_cc = {8, 0}, .maximum_cc = {99, 9}},
};

class MemoryOperation final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const override { return "memory"; }
  [[nodiscard]] std::string_view summary() const override {
    return "device-memory and L2 bandwidth, latency of L1, L2 and device memory";
  }
  [[nodiscard]] std::span<const Variant> variants() const override { return kVariants; }

  [[nodiscard]] std::vector<PlannedProblem> plan(ParamReader& request,
                                                 const SizingContext& context) const override {
    return plan_memory(request, context);
  }

  [[nodiscard]] std::optional<NotSupported> unsupported(const Variant& variant, const Problem&,
                                                        ComputeCapability cc) const override {
    if (cc < variant.minimum_cc || cc > variant.maximum_cc) {
      return NotSupported{"needs compute capability " + to_string(variant.minimum_cc) + " to " +
                          to_string(variant.maximum_cc)};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::unique_ptr<Workload> prepare(const Variant&, const Problem& problem,
                                                  const PrepareOptions& options) const override {
    const auto& memory = dynamic_cast<const MemoryProblem&>(problem);
    if (memory.kind() == Kind::chase) {
      return make_chase_workload(memory, options, sm80_chase_kernel(memory.pattern()));
    }
    return make_memory_workload(memory, options,
                                sm80_memory_kernel(memory.pattern(), memory.shape().type));
  }

  [[nodiscard]] std::variant<std::unique_ptr<Workload>, NotSupported> baseline(
      const Problem&, const PrepareOptions&) const override {
    return NotSupported{"the datasheet is the yardstick; no library offers these loops"};
  }
  [[nodiscard]] std::string baseline_name() const override { return {}; }
};

}  // namespace

const Operation& memory_operation() {
  static const MemoryOperation operation;
  return operation;
}

}  // namespace rackproof::kernels::memory

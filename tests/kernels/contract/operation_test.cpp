#include "kernels/operation.hpp"

#include "kernels/gemm/gemm.hpp"
#include "kernels/memory/memory.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace rackproof::kernels {
namespace {

/// Sets an environment variable for one test.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~ScopedVariable() { unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
};

constexpr const char* kForce = "RACKPROOF_VARIANT";

const gemm::GemmProblem& problem() {
  static const gemm::GemmProblem instance(ElementType::bf16, {.m = 8, .n = 8, .k = 8});
  return instance;
}

std::string reason_of(const std::variant<const Variant*, NotSupported>& choice) {
  const auto* reason = std::get_if<NotSupported>(&choice);
  return reason == nullptr ? "supported" : reason->reason;
}

TEST(Registry, ListsOperationsByName) {
  std::vector<std::string_view> names;
  for (const Operation* operation : operations()) {
    names.push_back(operation->name());
    EXPECT_EQ(find_operation(operation->name()), operation);
  }
  EXPECT_EQ(names, (std::vector<std::string_view>{"gemm", "attention", "attention_backward",
                                                  "attention_decode", "memory"}));
  EXPECT_EQ(find_operation("convolution"), nullptr);
}

TEST(ChooseVariant, TakesTheFirstThatFits) {
  const auto choice = choose_variant(gemm::gemm_operation(), problem(), {10, 3});
  ASSERT_TRUE(std::holds_alternative<const Variant*>(choice)) << reason_of(choice);
  EXPECT_EQ(std::get<const Variant*>(choice)->name, "sm100");
}

TEST(ChooseVariant, SaysWhyNothingFitsAnOldDevice) {
  const std::string reason = reason_of(choose_variant(gemm::gemm_operation(), problem(), {7, 5}));
  EXPECT_EQ(reason.find("no variant of gemm runs this problem on compute capability 7.5 ("), 0U)
      << reason;
  // Variants with the same reason share it.
  const std::string portable =
      "; sm89_splitk, sm89: needs compute capability 8.9 to 99.9; sm80_splitk, sm80: needs compute "
      "capability 8.0 to 99.9; ";
  EXPECT_NE(reason.find(portable), std::string::npos) << reason;
  EXPECT_TRUE(reason.ends_with("; sm90, sm90_fp8_fast: needs compute capability 9.0 to 9.0)"))
      << reason;
}

TEST(ChooseVariant, ForcesByNameAndLeavesOtherOperationsAlone) {
  const ScopedVariable force(kForce, "memory:other,gemm:sm80");
  EXPECT_EQ(reason_of(choose_variant(gemm::gemm_operation(), problem(), {9, 0})), "supported");
  const memory::MemoryProblem copy(memory::Pattern::copy, 16);
  EXPECT_EQ(reason_of(choose_variant(memory::memory_operation(), copy, {9, 0})),
            "RACKPROOF_VARIANT names 'other', but memory has only: sm80");
}

TEST(ChooseVariant, NeverReplacesAForcedVariantSilently) {
  const ScopedVariable force(kForce, "gemm:sm999");
  const std::string reason = reason_of(choose_variant(gemm::gemm_operation(), problem(), {9, 0}));
  EXPECT_EQ(reason.find("RACKPROOF_VARIANT names 'sm999', but gemm has only: "), 0U) << reason;
  EXPECT_TRUE(reason.ends_with("sm89, sm80")) << reason;
}

TEST(FigureOf, IsWorkOverTimeOrTimeOverAccesses) {
  const Work work{.flops = 6e12, .bytes = 3e9, .accesses = 1e6};
  EXPECT_DOUBLE_EQ(figure_of(work, ThroughputUnit::tflops, 2), 3);
  EXPECT_DOUBLE_EQ(figure_of(work, ThroughputUnit::tops, 2), 3);
  EXPECT_DOUBLE_EQ(figure_of(work, ThroughputUnit::gb_per_s, 2), 1.5);
  EXPECT_DOUBLE_EQ(figure_of(work, ThroughputUnit::ns_per_access, 2), 2000);
  EXPECT_TRUE(is_less_better(ThroughputUnit::ns_per_access));
  EXPECT_FALSE(is_less_better(ThroughputUnit::gb_per_s));
}

TEST(Names, AreTheStandardOnes) {
  EXPECT_EQ(to_string(ComputeCapability{10, 3}), "10.3");
  EXPECT_EQ(to_string(ThroughputUnit::tflops), "TFLOP/s");
  EXPECT_EQ(to_string(ThroughputUnit::tops), "TOP/s");
  EXPECT_EQ(to_string(ThroughputUnit::gb_per_s), "GB/s");
  EXPECT_EQ(to_string(ThroughputUnit::ns_per_access), "ns/access");
}

}  // namespace
}  // namespace rackproof::kernels

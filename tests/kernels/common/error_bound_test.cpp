#include "kernels/common/error_bound.hpp"

#include "kernels/common/host_codec.hpp"
#include "kernels/params.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace rackproof::kernels {
namespace {

TEST(ErrorBound, CoversRoundingAndIsReachedByHalfwayCases) {
  // Halfway between two neighbours: the error is exactly half a step.
  const double halfway = 1.0 + 0x1p-8;
  const double rounded = bf16_to_float(float_to_bf16(static_cast<float>(halfway)));
  EXPECT_LE(std::fabs(rounded - halfway), rounding_bound(ElementType::bf16, halfway));
  EXPECT_GT(std::fabs(rounded - halfway), 0.99 * rounding_bound(ElementType::bf16, halfway));
  EXPECT_EQ(rounding_bound(ElementType::fp16, 0), 0x1p-25);
  EXPECT_EQ(rounding_bound(ElementType::fp32, 2), 0x1p-23);
}

/// A chain of fp32 fused multiply-adds stays below its bound, and the bound is not vacuous.
TEST(ErrorBound, CoversAChainOfFusedMultiplyAdds) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  constexpr int kLength = 4096;
  double worst_share = 0;
  for (int repetition = 0; repetition < 50; ++repetition) {
    float sum = 0;
    double exact = 0;
    double largest = 0;
    for (int k = 0; k < kLength; ++k) {
      const float a = uniform(generator);
      const float b = uniform(generator);
      sum = std::fma(a, b, sum);
      exact += static_cast<double>(a) * static_cast<double>(b);
      largest = std::max(largest, std::fabs(exact));
    }
    const double bound = dot_error_bound(Accumulation::fma_fp32, kLength, largest);
    worst_share = std::max(worst_share, std::fabs(static_cast<double>(sum) - exact) / bound);
  }
  EXPECT_LE(worst_share, 1);
  EXPECT_GT(worst_share, 1e-4);
}

/// Truncation toward zero after every 8 products, as tensor cores do, stays below its bound.
TEST(ErrorBound, CoversTruncatedAccumulation) {
  constexpr int kLength = 4096;
  constexpr int kGroup = 8;
  std::mt19937 generator(2);
  std::uniform_real_distribution<float> uniform(0, 1);  // one sign: truncation adds up
  float sum = 0;
  double exact = 0;
  for (int k = 0; k < kLength; k += kGroup) {
    double group = 0;
    for (int i = 0; i < kGroup; ++i) {
      group += static_cast<double>(uniform(generator)) * static_cast<double>(uniform(generator));
    }
    exact += group;
    const double unrounded = static_cast<double>(sum) + group;
    auto truncated = static_cast<float>(unrounded);
    if (static_cast<double>(truncated) > unrounded) {
      truncated = std::nextafterf(truncated, 0.0F);
    }
    sum = truncated;
  }
  const double error = exact - static_cast<double>(sum);
  const double bound = dot_error_bound(Accumulation::tensor_fp32, kLength, exact);
  EXPECT_LE(error, bound);
  EXPECT_GT(error, 0.01 * bound);
}

TEST(ElementTypes, HaveNamesAndSizes) {
  EXPECT_EQ(to_string(ElementType::bf16), "bf16");
  EXPECT_EQ(element_type_from("type", "fp16"), ElementType::fp16);
  EXPECT_EQ(element_bytes(ElementType::fp32), 4U);
  EXPECT_THROW((void)element_type_from("type", "fp8"), ParamError);
}

}  // namespace
}  // namespace rackproof::kernels

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

/// `value` cut toward zero at `bits` fraction bits below 2^exponent.
double cut(double value, int exponent, int bits) {
  const double unit = std::ldexp(1.0, exponent - bits);
  return std::trunc(value / unit) * unit;
}

/// A unit with 13 fraction bits, as the model in error_bound.hpp says, of any interval.
TEST(ErrorBound, CoversShortSums) {
  constexpr std::int64_t kLength = 2048;
  for (const std::int64_t interval : {32, 128, 0}) {
    const ShortSums sums{.step = 16, .interval = interval};
    std::mt19937 generator(3);
    std::uniform_real_distribution<double> uniform(-1, 1);
    double worst_share = 0;
    for (int repetition = 0; repetition < 50; ++repetition) {
      double total = 0;
      double carried = 0;
      double exact = 0;
      double squares = 0;
      double largest = 0;
      for (std::int64_t k = 0; k < kLength; k += sums.step) {
        double products[16];
        double top = std::fabs(carried);
        for (double& product : products) {
          const double a = uniform(generator);
          const double b = uniform(generator);
          product = a * b;
          exact += product;
          squares += a * a;
          top = std::max(top, std::fabs(product));
          largest = std::max(largest, std::fabs(exact));
        }
        const int exponent = std::ilogb(top);
        double sum = cut(carried, exponent, 13);
        for (const double product : products) {
          sum += cut(product, exponent, 13);
        }
        carried = sum == 0 ? 0 : cut(sum, std::ilogb(sum), 13);
        if (interval != 0 && (k + sums.step) % interval == 0) {
          total += carried;
          carried = 0;
        }
      }
      const double bound =
          short_sum_error_bound(sums, kLength,
                                {.largest_partial = kPartialSumSigmas * std::sqrt(squares),
                                 .deviation = std::sqrt(squares),
                                 .largest_product = 1});
      worst_share = std::max(worst_share, std::fabs(total + carried - exact) / bound);
    }
    EXPECT_LE(worst_share, 1) << interval;
    EXPECT_GT(worst_share, 0.005) << interval;
  }
}

TEST(ElementTypes, HaveNamesAndSizes) {
  EXPECT_EQ(to_string(ElementType::bf16), "bf16");
  EXPECT_EQ(element_type_from("type", "fp16"), ElementType::fp16);
  EXPECT_EQ(element_bytes(ElementType::fp32), 4U);
  EXPECT_THROW((void)element_type_from("type", "fp8"), ParamError);
}

}  // namespace
}  // namespace rackproof::kernels

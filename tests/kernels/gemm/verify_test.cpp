/// The verifier on results made by the host: right ones pass, every planted fault is found.

#include "kernels/common/host_codec.hpp"
#include "kernels/gemm/gemm_comparison.hpp"
#include "kernels/gemm/gemm_verify.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>

namespace rackproof::kernels::gemm {
namespace {

constexpr VerifyLimits kSampled{.exhaustive_multiply_adds = 0, .exhaustive_operand_values = 0};

/// Inputs on the host and a result that a kernel could have produced: accumulators in fp32, for
/// fp64 in fp64, for int8 in integers.
struct HostGemm {
  GemmProblem problem;
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> c;
  std::vector<double> d;

  HostGemm(ElementType type, GemmShape shape, GemmScalars scalars = {})
      : problem(type, shape, scalars),
        a(random(shape.m * shape.k, 1)),
        b(random(shape.n * shape.k, 2)),
        c(random(shape.m * shape.n, 3)),
        d(c.size()) {
    compute(0);
  }

  std::vector<double> random(std::int64_t count, unsigned seed) const {
    std::mt19937 generator(seed);
    const double largest = is_integer(problem.type()) ? 127 : 1;
    std::uniform_real_distribution<double> uniform(-largest, largest);
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& value : values) {
      value = rounded(problem.type(), uniform(generator));
    }
    return values;
  }

  static double rounded(ElementType type, double value) {
    std::uint64_t image = 0;
    encode(type, std::span<const double>(&value, 1), &image);
    decode(type, &image, std::span<double>(&value, 1));
    return value;
  }

  /// One element with accumulators of type Sum, leaving out the last `dropped` products.
  template <typename Sum>
  double element(std::int64_t row, std::int64_t column, std::int64_t dropped) const {
    const std::int64_t k = problem.shape().k;
    Sum sum = 0;
    for (std::int64_t i = 0; i < k - dropped; ++i) {
      sum = std::fma(static_cast<Sum>(a[static_cast<std::size_t>(row * k + i)]),
                     static_cast<Sum>(b[static_cast<std::size_t>(column * k + i)]), sum);
    }
    sum *= static_cast<Sum>(problem.scalars().alpha);
    if (problem.has_c()) {
      sum = std::fma(
          static_cast<Sum>(problem.scalars().beta),
          static_cast<Sum>(c[static_cast<std::size_t>(row * problem.shape().n + column)]), sum);
    }
    return rounded(problem.result_type(), static_cast<double>(sum));
  }

  void compute(std::int64_t dropped) {
    const bool in_double =
        problem.type() == ElementType::fp64 || problem.type() == ElementType::int8;
    for (std::int64_t row = 0; row < problem.shape().m; ++row) {
      for (std::int64_t column = 0; column < problem.shape().n; ++column) {
        d[static_cast<std::size_t>(row * problem.shape().n + column)] =
            in_double ? element<double>(row, column, dropped)
                      : element<float>(row, column, dropped);
      }
    }
  }

  static RowReader reader(const std::vector<double>& values, std::int64_t columns) {
    return [&values, columns](std::int64_t first, std::int64_t count, std::span<double> rows) {
      std::copy_n(values.begin() + first * columns, count * columns, rows.begin());
    };
  }

  Verification verify(const VerifyLimits& limits = {}) const {
    const GemmShape& shape = problem.shape();
    return verify_gemm(problem,
                       {.a = reader(a, shape.k),
                        .b = reader(b, shape.k),
                        .c = reader(c, shape.n),
                        .d = reader(d, shape.n)},
                       {.accumulation = accumulation_of(problem.type())}, limits);
  }
};

constexpr GemmShape kShape{.m = 150, .n = 270, .k = 200};
constexpr std::array kAllTypes{ElementType::bf16,     ElementType::fp16,    ElementType::fp32,
                               ElementType::tf32,     ElementType::fp64,    ElementType::int8,
                               ElementType::fp8_e4m3, ElementType::fp8_e5m2};

TEST(GemmVerify, AcceptsRightResultsOfEveryType) {
  for (const ElementType type : kAllTypes) {
    const GemmScalars scalars = is_integer(type) ? GemmScalars{.alpha = 1, .beta = 1}
                                                 : GemmScalars{.alpha = 0.5F, .beta = 2.0F};
    const HostGemm gemm(type, kShape, scalars);
    const Verification all = gemm.verify();
    EXPECT_TRUE(all.passed) << to_string(type) << " " << all.max_error;
    EXPECT_EQ(all.checked_elements, all.total_elements);
    EXPECT_EQ(all.total_elements, 150U * 270U);
    const Verification sampled = gemm.verify(kSampled);
    EXPECT_TRUE(sampled.passed) << to_string(type) << " " << sampled.max_error;
    EXPECT_LT(sampled.checked_elements, sampled.total_elements / 10);
    EXPECT_GE(sampled.checked_elements, 128U);
  }
}

/// The bound is met by what it models and not far above it: 16-bit outputs use it nearly up.
TEST(GemmVerify, BoundIsNotVacuous) {
  EXPECT_GT(HostGemm(ElementType::bf16, kShape).verify().max_error, 0.5);
  EXPECT_GT(HostGemm(ElementType::fp16, kShape).verify().max_error, 0.3);
}

TEST(GemmVerify, FindsADroppedKStep) {
  for (const ElementType type : kAllTypes) {
    HostGemm gemm(type, {.m = 64, .n = 64, .k = 4096});
    gemm.compute(16);
    EXPECT_GT(gemm.verify().wrong_elements, 64U * 64U / 2) << to_string(type);
    EXPECT_FALSE(gemm.verify(kSampled).passed) << to_string(type);
  }
}

/// A kernel that loses only the last product of an odd K.
TEST(GemmVerify, FindsADroppedLastProduct) {
  HostGemm gemm(ElementType::bf16, {.m = 64, .n = 64, .k = 65});
  gemm.compute(1);
  EXPECT_GT(gemm.verify().wrong_elements, 64U * 64U / 2);
}

TEST(GemmVerify, NamesTheFirstWrongElement) {
  HostGemm gemm(ElementType::fp16, kShape);
  const double right = gemm.d[31 * 270 + 200];
  gemm.d[31 * 270 + 200] = right + 1;
  gemm.d[140 * 270 + 3] += 1;
  for (const VerifyLimits& limits : {VerifyLimits{}, kSampled}) {
    const Verification result = gemm.verify(limits);
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(result.wrong_elements, 2U);
    ASSERT_TRUE(result.first_wrong.has_value());
    EXPECT_EQ(result.first_wrong->index, 31U * 270U + 200U);
    EXPECT_EQ(result.first_wrong->coordinate, "row 31, column 200");
    EXPECT_NEAR(result.first_wrong->expected, right, 0.02);
    EXPECT_NEAR(result.first_wrong->actual, right + 1, 0.02);
  }
}

/// The signed sums must find a fault wherever it is, not only where the sample looks.
TEST(GemmVerify, FindsASingleWrongElementAnywhere) {
  const HostGemm right(ElementType::bf16, kShape);
  std::mt19937 generator(4);
  std::uniform_int_distribution<std::size_t> position(0, right.d.size() - 1);
  HostGemm gemm = right;
  for (int repetition = 0; repetition < 40; ++repetition) {
    const std::size_t index = position(generator);
    // As wrong as an element of the neighbouring row or a missing sign would be.
    gemm.d[index] = right.d[index] + std::copysign(6.0, right.d[index]);
    const Verification result = gemm.verify(kSampled);
    ASSERT_TRUE(result.first_wrong.has_value()) << index;
    EXPECT_EQ(result.first_wrong->index, index);
    gemm.d[index] = right.d[index];
  }
}

TEST(GemmVerify, CountsNanAndInfinityAsWrong) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    HostGemm gemm(ElementType::fp32, kShape);
    gemm.d[5] = bad;
    EXPECT_EQ(gemm.verify().wrong_elements, 1U);
    EXPECT_EQ(gemm.verify(kSampled).wrong_elements, 1U);
  }
}

/// Integers are right or wrong: a last bit is an error, wherever it is.
TEST(GemmVerify, FindsALastBitOfAnInteger) {
  HostGemm gemm(ElementType::int8, kShape);
  gemm.d[77 * 270 + 5] += 1;
  for (const VerifyLimits& limits : {VerifyLimits{}, kSampled}) {
    const Verification result = gemm.verify(limits);
    EXPECT_EQ(result.wrong_elements, 1U);
    ASSERT_TRUE(result.first_wrong.has_value());
    EXPECT_EQ(result.first_wrong->coordinate, "row 77, column 5");
  }
}

/// fp64 results that went through fp32 anywhere are off by far more than the bound.
TEST(GemmVerify, FindsFp32InAnFp64Result) {
  HostGemm gemm(ElementType::fp64, kShape);
  EXPECT_TRUE(gemm.verify().passed);
  for (double& value : gemm.d) {
    value = static_cast<float>(value);
  }
  EXPECT_GT(gemm.verify().wrong_elements, gemm.d.size() * 9 / 10);
}

/// fp8 sums of 13 fraction bits that move to fp32 after 32 products: a dropped MMA is still found.
TEST(GemmVerify, FindsADroppedStepUnderTheBoundOfShortSums) {
  HostGemm gemm(ElementType::fp8_e4m3, {.m = 64, .n = 64, .k = 4096});
  const auto verify = [&] {
    return verify_gemm(gemm.problem,
                       {.a = HostGemm::reader(gemm.a, 4096),
                        .b = HostGemm::reader(gemm.b, 4096),
                        .c = {},
                        .d = HostGemm::reader(gemm.d, 64)},
                       {.short_sums = {.step = 16, .interval = 32}});
  };
  EXPECT_TRUE(verify().passed);
  gemm.compute(32);
  EXPECT_GT(verify().wrong_elements, 64U * 64U / 2);
}

/// Slices that are added in fp32 may round once more each, and no more than that.
TEST(GemmVerify, AllowsOneRoundingForEachSlice) {
  const GemmProblem problem(ElementType::tf32, {.m = 1, .n = 1, .k = 4096});
  const double whole = element_bound(problem, {.accumulation = Accumulation::tensor_tf32},
                                     {.largest_partial = 8}, 1, 0);
  const double split =
      element_bound(problem, {.accumulation = Accumulation::tensor_tf32, .slices = 5},
                    {.largest_partial = 8}, 1, 0);
  EXPECT_NEAR(split - whole, 4 * 0x1p-24 * 8, 0x1p-40);
}

/// Partial sums of random signs stay below what dot_size() allows.
TEST(GemmVerify, PartialSumsStayBelowTheirBound) {
  const HostGemm gemm(ElementType::fp32, {.m = 40, .n = 40, .k = 3000});
  const auto depth = std::size_t{3000};
  double worst = 0;
  for (std::size_t row = 0; row < 40; ++row) {
    for (std::size_t column = 0; column < 40; ++column) {
      const auto a = std::span(gemm.a).subspan(row * depth, depth);
      const auto b = std::span(gemm.b).subspan(column * depth, depth);
      const double allowed = dot_size(row_norm(a), row_norm(b)).largest_partial;
      double sum = 0;
      for (std::size_t k = 0; k < depth; ++k) {
        sum += a[k] * b[k];
        worst = std::max(worst, std::fabs(sum) / allowed);
      }
    }
  }
  EXPECT_LT(worst, 1);
  EXPECT_GT(worst, 0.1);
}

}  // namespace
}  // namespace rackproof::kernels::gemm

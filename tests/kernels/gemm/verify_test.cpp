/// The verifier on results made by the host: right ones pass, every planted fault is found.

#include "kernels/common/host_codec.hpp"
#include "kernels/gemm/gemm_comparison.hpp"
#include "kernels/gemm/gemm_verify.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace rackproof::kernels::gemm {
namespace {

constexpr VerifyLimits kSampled{.exhaustive_multiply_adds = 0, .exhaustive_operand_values = 0};

/// Inputs on the host and a result that a kernel with fp32 accumulators could have produced.
struct HostGemm {
  GemmProblem problem;
  std::vector<float> a;
  std::vector<float> b;
  std::vector<float> c;
  std::vector<float> d;

  HostGemm(ElementType type, GemmShape shape, GemmScalars scalars = {})
      : problem(type, shape, scalars),
        a(random(shape.m * shape.k, 1)),
        b(random(shape.n * shape.k, 2)),
        c(random(shape.m * shape.n, 3)),
        d(c.size()) {
    compute(0);
  }

  std::vector<float> random(std::int64_t count, unsigned seed) const {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) {
      value = rounded(uniform(generator));
    }
    return values;
  }

  float rounded(float value) const {
    std::uint32_t image = 0;
    encode(problem.type(), std::span(&value, 1), &image);
    return decode_one(problem.type(), &image, 0);
  }

  /// Multiplies in fp32, leaving out the last `dropped` products of every sum.
  void compute(std::int64_t dropped) {
    const auto [m, n, k] = problem.shape();
    for (std::int64_t row = 0; row < m; ++row) {
      for (std::int64_t column = 0; column < n; ++column) {
        float sum = 0;
        for (std::int64_t i = 0; i < k - dropped; ++i) {
          sum = std::fma(a[static_cast<std::size_t>(row * k + i)],
                         b[static_cast<std::size_t>(column * k + i)], sum);
        }
        float& result = d[static_cast<std::size_t>(row * n + column)];
        result = problem.scalars().alpha * sum;
        if (problem.has_c()) {
          result = std::fma(problem.scalars().beta, c[static_cast<std::size_t>(row * n + column)],
                            result);
        }
        result = rounded(result);
      }
    }
  }

  static RowReader reader(const std::vector<float>& values, std::int64_t columns) {
    return [&values, columns](std::int64_t first, std::int64_t count, std::span<float> rows) {
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
                       limits);
  }
};

constexpr GemmShape kShape{.m = 150, .n = 270, .k = 200};

TEST(GemmVerify, AcceptsRightResultsOfEveryType) {
  for (const ElementType type : {ElementType::bf16, ElementType::fp16, ElementType::fp32}) {
    const HostGemm gemm(type, kShape, {.alpha = 0.5F, .beta = 2.0F});
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
  for (const ElementType type : {ElementType::bf16, ElementType::fp16, ElementType::fp32}) {
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
  const float right = gemm.d[31 * 270 + 200];
  gemm.d[31 * 270 + 200] = right + 1;
  gemm.d[140 * 270 + 3] += 1;
  for (const VerifyLimits& limits : {VerifyLimits{}, kSampled}) {
    const Verification result = gemm.verify(limits);
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(result.wrong_elements, 2U);
    ASSERT_TRUE(result.first_wrong.has_value());
    EXPECT_EQ(result.first_wrong->index, 31U * 270U + 200U);
    EXPECT_EQ(result.first_wrong->coordinate, "row 31, column 200");
    EXPECT_NEAR(result.first_wrong->expected, static_cast<double>(right), 0.02);
    EXPECT_NEAR(result.first_wrong->actual, static_cast<double>(right) + 1, 0.02);
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
    gemm.d[index] = right.d[index] + std::copysign(6.0F, right.d[index]);
    const Verification result = gemm.verify(kSampled);
    ASSERT_TRUE(result.first_wrong.has_value()) << index;
    EXPECT_EQ(result.first_wrong->index, index);
    gemm.d[index] = right.d[index];
  }
}

TEST(GemmVerify, CountsNanAndInfinityAsWrong) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    HostGemm gemm(ElementType::fp32, kShape);
    gemm.d[5] = bad;
    EXPECT_EQ(gemm.verify().wrong_elements, 1U);
    EXPECT_EQ(gemm.verify(kSampled).wrong_elements, 1U);
  }
}

/// Partial sums of random signs stay below what largest_partial() allows.
TEST(GemmVerify, PartialSumsStayBelowTheirBound) {
  const HostGemm gemm(ElementType::fp32, {.m = 40, .n = 40, .k = 3000});
  const auto depth = std::size_t{3000};
  double worst = 0;
  for (std::size_t row = 0; row < 40; ++row) {
    for (std::size_t column = 0; column < 40; ++column) {
      const auto a = std::span(gemm.a).subspan(row * depth, depth);
      const auto b = std::span(gemm.b).subspan(column * depth, depth);
      const double allowed = largest_partial(row_norm(a), row_norm(b));
      double sum = 0;
      for (std::size_t k = 0; k < depth; ++k) {
        sum += static_cast<double>(a[k]) * static_cast<double>(b[k]);
        worst = std::max(worst, std::fabs(sum) / allowed);
      }
    }
  }
  EXPECT_LT(worst, 1);
  EXPECT_GT(worst, 0.1);
}

}  // namespace
}  // namespace rackproof::kernels::gemm

#include "harness/record/statistics.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace rackproof::harness::record {
namespace {

// By hand: sorted 1 2 4 8 16; h = (n - 1) p.
constexpr std::array<double, 5> kOdd{8, 1, 16, 2, 4};

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  EXPECT_DOUBLE_EQ(quantile(kOdd, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(kOdd, 0.25), 2);
  EXPECT_DOUBLE_EQ(quantile(kOdd, 0.5), 4);
  EXPECT_DOUBLE_EQ(quantile(kOdd, 0.95), 14.4);   // h = 3.8: 8 + 0.8 * 8
  EXPECT_DOUBLE_EQ(quantile(kOdd, 0.99), 15.68);  // h = 3.96: 8 + 0.96 * 8
  EXPECT_DOUBLE_EQ(quantile(kOdd, 1), 16);
}

TEST(Quantile, OfAnEvenCountIsBetweenTheMiddleTwo) {
  EXPECT_DOUBLE_EQ(median(std::array{4.0, 1.0, 3.0, 2.0}), 2.5);
}

TEST(Quantile, OfOneSampleIsThatSample) {
  EXPECT_DOUBLE_EQ(quantile(std::array{3.5}, 0.99), 3.5);
}

TEST(Quantile, RejectsWhatHasNoQuantile) {
  EXPECT_THROW((void)quantile({}, 0.5), std::invalid_argument);
  EXPECT_THROW((void)quantile(kOdd, 1.01), std::invalid_argument);
  EXPECT_THROW((void)quantile(kOdd, std::nan("")), std::invalid_argument);
  EXPECT_THROW((void)median(std::array{1.0, std::nan("")}), std::invalid_argument);
  EXPECT_THROW((void)median(std::array{1.0, std::numeric_limits<double>::infinity()}),
               std::invalid_argument);
}

TEST(Spread, MedianAbsoluteDeviationIsUnscaled) {
  // Deviations from 4: 3 2 0 4 12, sorted 0 2 3 4 12.
  EXPECT_DOUBLE_EQ(median_absolute_deviation(kOdd), 3);
}

TEST(Spread, CoefficientOfVariationUsesTheSampleDeviation) {
  // 2 4 4 4 5 5 7 9: mean 5, squares 32, n - 1 = 7.
  const std::vector<double> samples{2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_DOUBLE_EQ(*coefficient_of_variation(samples), std::sqrt(32.0 / 7.0) / 5);
}

TEST(Spread, CoefficientOfVariationNeedsTwoSamplesAndAMean) {
  EXPECT_EQ(coefficient_of_variation(std::array{1.0}).reason(), "needs at least two samples");
  EXPECT_EQ(coefficient_of_variation(std::array{-1.0, 1.0}).reason(), "the mean is zero");
}

TEST(TimeStatistics, HoldsEveryField) {
  const Reported<TimeStatistics> result = time_statistics(kOdd);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->n, 5U);
  EXPECT_DOUBLE_EQ(result->min, 1);
  EXPECT_DOUBLE_EQ(result->median, 4);
  EXPECT_DOUBLE_EQ(result->p95, 14.4);
  EXPECT_DOUBLE_EQ(result->p99, 15.68);
  EXPECT_DOUBLE_EQ(result->max, 16);
  EXPECT_DOUBLE_EQ(result->mad, 3);
  // Mean 6.2; squares 148.8; 148.8 / 4 = 37.2.
  EXPECT_DOUBLE_EQ(*result->cv, std::sqrt(37.2) / 6.2);
}

TEST(TimeStatistics, OfNothingAreMissingWithAReason) {
  EXPECT_EQ(time_statistics({}).reason(), "no samples were taken");
}

}  // namespace
}  // namespace rackproof::harness::record

/// The float64 reference against closed forms.

#include "kernels/attention/attention_reference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace rackproof::kernels::attention {
namespace {

constexpr double kRounding = 1e-14;

TEST(AttentionReference, EqualScoresGiveTheMeanOfTheValues) {
  const std::vector<double> q{0, 0};
  const std::vector<double> k{1, 2, 3, 4, 5, 6};
  const std::vector<double> v{1, 10, 2, 20, 6, 60};
  const ReferenceRow row = reference_row(q, k, v, 3, 0.5);
  EXPECT_NEAR(row.output[0], 3, kRounding);
  EXPECT_NEAR(row.output[1], 30, kRounding);
  EXPECT_NEAR(row.lse, std::log(3.0), kRounding);
  EXPECT_NEAR(row.squares[0], (1 + 4 + 36) / 9.0, kRounding);
}

TEST(AttentionReference, OneDominantScoreSelectsItsValue) {
  const std::vector<double> q{100, 0};
  const std::vector<double> k{-10, 0, 10, 0, -10, 0};
  const std::vector<double> v{1, 2, 3, 4, 5, 6};
  const ReferenceRow row = reference_row(q, k, v, 3, 1);
  EXPECT_EQ(row.output[0], 3);  // exp(-2000) is 0 in float64
  EXPECT_EQ(row.output[1], 4);
  EXPECT_EQ(row.lse, 1000);
  EXPECT_EQ(row.maximum, 1000);
}

TEST(AttentionReference, TwoKeysByHand) {
  // Scores 0 and ln 3: weights 1/4 and 3/4.
  const std::vector<double> q{2};
  const std::vector<double> k{0, 1};
  const std::vector<double> v{8, 4};
  const ReferenceRow row = reference_row(q, k, v, 2, std::log(3.0) / 2);
  EXPECT_NEAR(row.output[0], 0.25 * 8 + 0.75 * 4, kRounding);
  EXPECT_NEAR(row.squares[0], 4 + 9, 10 * kRounding);
  EXPECT_NEAR(row.lse, std::log(4.0), kRounding);
  EXPECT_NEAR(row.maximum, std::log(3.0), kRounding);
}

TEST(AttentionReference, KeysBeyondTheVisibleOnesDoNotCount) {
  const std::vector<double> q{1, 1};
  const std::vector<double> k{1, 0, 0, 1, 1e9, 1e9};
  const std::vector<double> v{2, 0, 4, 0, 1e9, 1e9};
  const ReferenceRow row = reference_row(q, k, v, 2, 1);
  EXPECT_NEAR(row.output[0], 3, kRounding);
  EXPECT_NEAR(row.lse, 1 + std::log(2.0), kRounding);
}

TEST(AttentionReference, NoVisibleKeyGivesZeroAndMinusInfinity) {
  const ReferenceRow row = reference_row(std::vector<double>{1, 2}, {}, {}, 0, 1);
  EXPECT_EQ(row.output, (std::vector<double>{0, 0}));
  EXPECT_EQ(row.lse, -std::numeric_limits<double>::infinity());
}

TEST(AttentionReference, AConstantAddedToAllScoresMovesOnlyTheLogSumExp) {
  // The last column of q and k adds 3 * 7 to every score.
  const std::vector<double> v{1, 2, -3, 5};
  const ReferenceRow plain =
      reference_row(std::vector<double>{1, 0}, std::vector<double>{0.5, 9, -0.5, 9}, v, 2, 1);
  const ReferenceRow shifted =
      reference_row(std::vector<double>{1, 3}, std::vector<double>{0.5, 7, -0.5, 7}, v, 2, 1);
  EXPECT_NEAR(shifted.output[0], plain.output[0], kRounding);
  EXPECT_NEAR(shifted.output[1], plain.output[1], kRounding);
  EXPECT_NEAR(shifted.lse, plain.lse + 21, 21 * kRounding);
}

}  // namespace
}  // namespace rackproof::kernels::attention

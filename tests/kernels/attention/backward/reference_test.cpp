/// The float64 gradients against finite differences of the float64 forward definition.

#include "kernels/attention/attention_reference.hpp"
#include "kernels/attention/backward/backward_reference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace rackproof::kernels::attention::backward {
namespace {

constexpr std::size_t kHeadDim = 5;
constexpr double kScale = 0.7;

std::vector<double> random_rows(std::size_t rows, std::mt19937_64& generator) {
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<double> values(rows * kHeadDim);
  std::generate(values.begin(), values.end(), [&] { return uniform(generator); });
  return values;
}

struct Head {
  std::vector<double> q;
  std::vector<double> k;
  std::vector<double> v;
  std::vector<double> d_o;
  std::vector<KeyRange> keys;
};

/// sum dO * O, whose gradients are what dO propagates to.
double loss(const Head& head) {
  double sum = 0;
  for (std::size_t row = 0; row < head.keys.size(); ++row) {
    const auto first = static_cast<std::size_t>(head.keys[row].begin) * kHeadDim;
    const ReferenceRow forward = reference_row(
        std::span(head.q).subspan(row * kHeadDim, kHeadDim), std::span(head.k).subspan(first),
        std::span(head.v).subspan(first), head.keys[row].size(), kScale);
    for (std::size_t d = 0; d < kHeadDim; ++d) {
      sum += head.d_o[row * kHeadDim + d] * forward.output[d];
    }
  }
  return sum;
}

/// Central differences: truncation h^2 |f'''| / 6, below 1e-9 at h = 1e-5 with third derivatives of
/// a softmax of arguments below 3 (at most some tens); rounding 2^-53 |f| / h, below 1e-9 for |f| <
/// 100.
void expect_gradient(Head& head, std::vector<double> Head::*array,
                     const std::vector<double>& gradient) {
  constexpr double kStep = 1e-5;
  constexpr double kTolerance = 2e-8;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    double& x = (head.*array)[i];
    const double at = x;
    x = at + kStep;
    const double above = loss(head);
    x = at - kStep;
    const double below = loss(head);
    x = at;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), kTolerance) << "element " << i;
  }
}

void expect_gradients(std::size_t keys, std::vector<KeyRange> ranges, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  Head head{.q = random_rows(ranges.size(), generator),
            .k = random_rows(keys, generator),
            .v = random_rows(keys, generator),
            .d_o = random_rows(ranges.size(), generator),
            .keys = std::move(ranges)};
  const Gradients gradients =
      reference_gradients(head.q, head.k, head.v, head.d_o, head.keys, kScale);
  expect_gradient(head, &Head::q, gradients.dq);
  expect_gradient(head, &Head::k, gradients.dk);
  expect_gradient(head, &Head::v, gradients.dv);
}

TEST(BackwardReference, EqualsFiniteDifferencesUnderAFullMask) {
  expect_gradients(6, std::vector<KeyRange>(4, {.begin = 0, .end = 6}), 1);
}

TEST(BackwardReference, EqualsFiniteDifferencesUnderCausalAndWindowedMasks) {
  expect_gradients(5, {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}}, 2);
  expect_gradients(6, {{0, 2}, {1, 3}, {2, 4}, {4, 6}}, 3);
}

/// One key: the softmax is constant, so that only dV is not zero.
TEST(BackwardReference, OneKeyByHand) {
  const std::vector<double> q{0.5, -1};
  const std::vector<double> k{2, 3};
  const std::vector<double> v{4, 5};
  const std::vector<double> d_o{7, -8};
  const std::vector<KeyRange> keys{{.begin = 0, .end = 1}};
  const Gradients gradients = reference_gradients(q, k, v, d_o, keys, 1);
  EXPECT_EQ(gradients.dv, d_o);
  for (const double zero : {gradients.dq[0], gradients.dq[1], gradients.dk[0], gradients.dk[1]}) {
    EXPECT_NEAR(zero, 0, 1e-13);
  }
}

}  // namespace
}  // namespace rackproof::kernels::attention::backward

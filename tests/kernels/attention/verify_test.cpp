/// The verifier against a host model of a tiled kernel, right and with planted bugs.

#include "kernels/attention/attention_tolerance.hpp"
#include "kernels/attention/attention_verify.hpp"
#include "kernels/common/host_codec.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

namespace rackproof::kernels::attention {
namespace {

enum class Bug {
  none,
  one_key_tile_dropped,
  output_not_rescaled,
  sum_not_rescaled,
  mask_sees_one_key_too_many,
  mask_sees_one_key_too_few,
  wrong_key_value_head,
  scale_off_by_a_percent,
  output_not_divided,
  neighbouring_columns_swapped,
  lse_in_base_2,
};

constexpr std::int64_t kKeyTile = 64;

std::vector<std::byte> random_array(ElementType type, std::uint64_t elements, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<float> values(elements);
  for (float& value : values) {
    value = static_cast<float>(generator() >> 40) * 0x1p-23F - 1.0F;
  }
  std::vector<std::byte> array(elements * element_bytes(type));
  encode(type, values, array.data());
  return array;
}

float rounded(ElementType type, float value) {
  std::uint16_t bits = 0;
  encode(type, std::span(&value, 1), &bits);
  return decode_one(type, &bits, 0);
}

/// Online softmax over tiles of keys in fp32, last tile first, P rounded to the element type.
class TiledModel {
 public:
  TiledModel(const AttentionProblem& problem, HostArrays& arrays, Bug bug)
      : problem_(problem),
        arrays_(arrays),
        bug_(bug),
        q_(decoded(arrays.q)),
        k_(decoded(arrays.k)),
        v_(decoded(arrays.v)) {}

  void run() {
    const AttentionShape& shape = problem_.shape();
    for (std::int64_t batch = 0; batch < shape.batch; ++batch) {
      for (std::int64_t head = 0; head < shape.q_heads; ++head) {
        for (std::int64_t row = 0; row < shape.q_len; ++row) {
          run_row(batch, head, row);
        }
      }
    }
  }

 private:
  [[nodiscard]] std::vector<float> decoded(const std::vector<std::byte>& array) const {
    std::vector<float> values(array.size() / 2);
    decode(problem_.shape().type, array.data(), values);
    return values;
  }

  void run_row(std::int64_t batch, std::int64_t head, std::int64_t row) {
    const AttentionShape& shape = problem_.shape();
    const Strides q = strides(shape.layout, shape.q_heads, shape.q_len, shape.head_dim);
    const Strides kv = strides(shape.layout, shape.kv_heads, shape.kv_len, shape.head_dim);
    const std::int64_t kv_head = bug_ == Bug::wrong_key_value_head
                                     ? head % shape.kv_heads
                                     : head / (shape.q_heads / shape.kv_heads);
    const std::int64_t q_row = batch * q.batch + head * q.head + row * q.row;
    const std::int64_t kv_base = batch * kv.batch + kv_head * kv.head;
    std::int64_t visible = visible_keys(shape, problem_.lengths(batch), row).end;
    visible += bug_ == Bug::mask_sees_one_key_too_many && visible < shape.kv_len ? 1 : 0;
    visible -= bug_ == Bug::mask_sees_one_key_too_few && visible > 1 ? 1 : 0;
    const float scale =
        static_cast<float>(problem_.scale()) * (bug_ == Bug::scale_off_by_a_percent ? 1.01F : 1.0F);

    std::vector<float> output(static_cast<std::size_t>(shape.head_dim));
    float maximum = -std::numeric_limits<float>::infinity();
    float sum = 0;
    const std::int64_t tiles = (visible + kKeyTile - 1) / kKeyTile;
    for (std::int64_t tile = tiles - 1; tile >= 0; --tile) {
      if (bug_ == Bug::one_key_tile_dropped && tile == tiles / 2) {
        continue;
      }
      const std::int64_t first = tile * kKeyTile;
      const std::int64_t last = std::min(first + kKeyTile, visible);
      std::vector<float> scores;
      float new_maximum = maximum;
      for (std::int64_t key = first; key < last; ++key) {
        float score = 0;
        const float* const k_row = k_.data() + kv_base + key * kv.row;
        for (std::int64_t d = 0; d < shape.head_dim; ++d) {
          score += q_[static_cast<std::size_t>(q_row + d)] * k_row[d];
        }
        scores.push_back(score * scale);
        new_maximum = std::max(new_maximum, scores.back());
      }
      const float correction = std::exp(maximum - new_maximum);
      maximum = new_maximum;
      sum *= bug_ == Bug::sum_not_rescaled && sum > 0 ? 1.0F : correction;
      for (float& value : output) {
        value *= bug_ == Bug::output_not_rescaled ? 1.0F : correction;
      }
      for (std::int64_t key = first; key < last; ++key) {
        const float weight = std::exp(scores[static_cast<std::size_t>(key - first)] - maximum);
        sum += weight;
        const float p = rounded(shape.type, weight);
        const float* const v_row = v_.data() + kv_base + key * kv.row;
        for (std::size_t d = 0; d < output.size(); ++d) {
          output[d] += p * v_row[d];
        }
      }
    }
    const float divisor = bug_ == Bug::output_not_divided ? 1.0F : sum;
    for (float& value : output) {
      value = sum == 0 ? 0 : value / divisor;
    }
    if (bug_ == Bug::neighbouring_columns_swapped) {
      std::swap(output[0], output[1]);
    }
    encode(shape.type, output, arrays_.o.data() + static_cast<std::size_t>(q_row) * 2);
    const float lse = maximum + std::log(sum);
    arrays_.lse[static_cast<std::size_t>((batch * shape.q_heads + head) * shape.q_len + row)] =
        bug_ == Bug::lse_in_base_2 ? lse * 1.442695F : lse;
  }

  const AttentionProblem& problem_;
  HostArrays& arrays_;
  Bug bug_;
  std::vector<float> q_;
  std::vector<float> k_;
  std::vector<float> v_;
};

HostArrays model_output(const AttentionProblem& problem, Bug bug) {
  const ElementType type = problem.shape().type;
  HostArrays arrays{.q = random_array(type, problem.q_elements(), 1),
                    .k = random_array(type, problem.kv_elements(), 2),
                    .v = random_array(type, problem.kv_elements(), 3),
                    .o = std::vector<std::byte>(problem.q_elements() * 2),
                    .lse = std::vector<float>(problem.lse_elements())};
  TiledModel(problem, arrays, bug).run();
  return arrays;
}

Verification verify(const AttentionProblem& problem, const HostArrays& arrays) {
  return verify_output(problem, arrays, {}, nullptr);
}

AttentionShape grouped(ElementType type, Mask mask, std::int64_t q_len, std::int64_t kv_len) {
  return {.type = type,
          .mask = mask,
          .batch = 2,
          .q_heads = 4,
          .kv_heads = 2,
          .q_len = q_len,
          .kv_len = kv_len,
          .head_dim = 64};
}

TEST(AttentionVerify, AcceptsACorrectTiledKernel) {
  for (const ElementType type : {ElementType::bf16, ElementType::fp16}) {
    for (const Mask mask : {Mask::full, Mask::causal}) {
      for (const Layout layout : {Layout::bshd, Layout::bhsd}) {
        AttentionShape shape = grouped(type, mask, 33, 150);
        shape.layout = layout;
        const AttentionProblem problem(shape);
        const Verification outcome = verify(problem, model_output(problem, Bug::none));
        EXPECT_TRUE(outcome.passed) << problem.name() << ": " << outcome.max_error;
        EXPECT_EQ(outcome.checked_elements, outcome.total_elements);
        EXPECT_EQ(outcome.total_elements, problem.q_elements() + problem.lse_elements());
        EXPECT_GT(outcome.max_error, 0.05) << "a bound this far from what happens shows nothing";
      }
    }
  }
}

TEST(AttentionVerify, RowsThatSeeNoKeyMustBeZeroAndMinusInfinity) {
  const AttentionProblem problem(grouped(ElementType::bf16, Mask::causal, 20, 8));
  HostArrays arrays = model_output(problem, Bug::none);
  EXPECT_TRUE(verify(problem, arrays).passed);
  arrays.lse[0] = -1e30F;
  const Verification outcome = verify(problem, arrays);
  EXPECT_EQ(outcome.wrong_elements, 1U);
  ASSERT_TRUE(outcome.first_wrong.has_value());
  EXPECT_EQ(outcome.first_wrong->coordinate, "lse of batch 0, head 0, row 0");
  EXPECT_EQ(outcome.first_wrong->index, problem.q_elements());
}

class PlantedBug : public testing::TestWithParam<std::tuple<Bug, ElementType>> {};

TEST_P(PlantedBug, IsFound) {
  const auto [bug, type] = GetParam();
  const AttentionProblem problem(grouped(type, Mask::causal, 48, 300));
  const Verification outcome = verify(problem, model_output(problem, bug));
  EXPECT_FALSE(outcome.passed) << "largest error " << outcome.max_error;
  EXPECT_GT(outcome.max_error, outcome.tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    All, PlantedBug,
    testing::Combine(testing::Values(Bug::one_key_tile_dropped, Bug::output_not_rescaled,
                                     Bug::sum_not_rescaled, Bug::mask_sees_one_key_too_many,
                                     Bug::mask_sees_one_key_too_few, Bug::wrong_key_value_head,
                                     Bug::scale_off_by_a_percent, Bug::output_not_divided,
                                     Bug::neighbouring_columns_swapped, Bug::lse_in_base_2),
                     testing::Values(ElementType::bf16, ElementType::fp16)));

class LongContext : public testing::TestWithParam<Bug> {};

/// Weights of 1 / 8192 each: the bound must not have grown past a missing tile.
TEST_P(LongContext, TheBoundStillBites) {
  const AttentionProblem problem(
      {.type = ElementType::bf16, .mask = Mask::full, .q_len = 4, .kv_len = 8192, .head_dim = 128});
  const Verification outcome = verify(problem, model_output(problem, GetParam()));
  EXPECT_EQ(outcome.passed, GetParam() == Bug::none) << outcome.max_error;
}

INSTANTIATE_TEST_SUITE_P(All, LongContext,
                         testing::Values(Bug::none, Bug::one_key_tile_dropped,
                                         Bug::output_not_rescaled, Bug::sum_not_rescaled,
                                         Bug::scale_off_by_a_percent));

TEST(AttentionVerify, FindsOneWrongElementAndSaysWhere) {
  const AttentionProblem problem(grouped(ElementType::bf16, Mask::full, 10, 40));
  HostArrays arrays = model_output(problem, Bug::none);
  const Strides q = strides(Layout::bshd, 4, 10, 64);
  const std::int64_t index = 1 * q.batch + 2 * q.head + 7 * q.row + 17;
  const float wrong = 0.75F;
  encode(ElementType::bf16, std::span(&wrong, 1), arrays.o.data() + index * 2);
  const Verification outcome = verify(problem, arrays);
  EXPECT_FALSE(outcome.passed);
  EXPECT_EQ(outcome.wrong_elements, 1U);
  ASSERT_TRUE(outcome.first_wrong.has_value());
  EXPECT_EQ(outcome.first_wrong->coordinate, "batch 1, head 2, row 7, column 17");
  EXPECT_EQ(outcome.first_wrong->index, static_cast<std::uint64_t>(index));
  EXPECT_EQ(outcome.first_wrong->actual, 0.75);
}

TEST(AttentionVerify, AnElementThatNobodyWroteIsWrong) {
  const AttentionProblem problem(grouped(ElementType::fp16, Mask::full, 3, 5));
  HostArrays arrays = model_output(problem, Bug::none);
  arrays.o[10] = arrays.o[11] = std::byte{0xff};
  const Verification outcome = verify(problem, arrays);
  EXPECT_EQ(outcome.wrong_elements, 1U);
  EXPECT_TRUE(std::isfinite(outcome.max_error)) << "the record holds numbers only";
}

}  // namespace
}  // namespace rackproof::kernels::attention

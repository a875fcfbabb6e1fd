/// Random problems of all attention operations (label full): what no list of edges thought of.

#include "kernels/attention/attention.hpp"
#include "kernels/attention/backward/backward.hpp"
#include "kernels/attention/decode/decode_workload.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace rackproof::kernels::attention {
namespace {

constexpr int kProblems = 60;

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : generator_(seed) {}
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(generator_);
  }
  bool chance(double share) { return std::bernoulli_distribution(share)(generator_); }
  /// Mostly short; now and then several tiles, or nothing.
  std::int64_t length(std::int64_t shortest) {
    return chance(0.3) ? integer(129, 400) : integer(shortest, 140);
  }

 private:
  std::mt19937_64 generator_;
};

void expect_right(const Operation& operation, const Problem& problem, std::uint64_t seed) {
  const auto workload =
      tests::prepare(operation, problem, {.seed = seed, .rotate_beyond_bytes = 0});
  const Verification outcome = tests::run_and_verify(*workload);
  EXPECT_TRUE(outcome.passed) << problem.name() << ", seed " << seed << ": largest error "
                              << outcome.max_error << ", "
                              << (outcome.first_wrong ? outcome.first_wrong->coordinate : "");
}

AttentionShape random_shape(Draw& draw, ElementType type, bool packed) {
  const std::int64_t kv_heads = draw.integer(1, 3);
  AttentionShape shape{.type = type,
                       .mask = draw.chance(0.6) ? Mask::causal : Mask::full,
                       .layout = !packed && draw.chance(0.5) ? Layout::bhsd : Layout::bshd,
                       .batch = draw.integer(1, 2),
                       .q_heads = kv_heads * draw.integer(1, 3),
                       .kv_heads = kv_heads,
                       .q_len = draw.length(1),
                       .kv_len = draw.length(1),
                       .head_dim = draw.chance(0.5) ? 64 : 128};
  if (draw.chance(0.5)) {
    shape.window_left = draw.integer(0, 150);
  }
  if (shape.mask == Mask::full && draw.chance(0.5)) {
    shape.window_right = draw.integer(0, 150);
  }
  if (packed) {
    shape.sequences.push_back({.q = draw.length(1), .kv = draw.length(1)});
    for (std::int64_t more = draw.integer(0, 4); more > 0; --more) {
      shape.sequences.push_back({.q = draw.length(0), .kv = draw.length(0)});
    }
  }
  return shape;
}

TEST(AttentionSweep, Forward) {
  for (std::uint64_t seed = 0; seed < kProblems; ++seed) {
    Draw draw(seed);
    const ElementType type = draw.chance(0.5) ? ElementType::bf16 : ElementType::fp16;
    expect_right(attention_operation(),
                 AttentionProblem(random_shape(draw, type, draw.chance(0.6))), seed);
  }
}

TEST(AttentionSweep, Backward) {
  for (std::uint64_t seed = 0; seed < kProblems; ++seed) {
    Draw draw(1000 + seed);
    const backward::BackwardProblem problem(random_shape(draw, ElementType::bf16, false),
                                            draw.chance(0.5));
    expect_right(backward::backward_operation(), problem, seed);
  }
}

TEST(AttentionSweep, Decode) {
  for (std::uint64_t seed = 0; seed < kProblems; ++seed) {
    Draw draw(2000 + seed);
    const std::int64_t kv_heads = draw.integer(1, 3);
    decode::DecodeShape shape{.type = draw.chance(0.5) ? ElementType::bf16 : ElementType::fp16,
                              .q_heads = kv_heads * draw.integer(1, 20),
                              .kv_heads = kv_heads,
                              .head_dim = draw.chance(0.5) ? 64 : 128,
                              .page_size = 16 * draw.integer(1, 8),
                              .kv_lens = {draw.integer(1, 2000)}};
    for (std::int64_t more = draw.integer(0, 6); more > 0; --more) {
      shape.kv_lens.push_back(draw.length(0));
    }
    const decode::DecodeProblem problem(shape);
    decode::DecodeWorkload workload(problem, {.seed = seed, .rotate_beyond_bytes = 0},
                                    draw.chance(0.5) ? 0 : 128 * draw.integer(1, 4));
    const Verification outcome = tests::run_and_verify(workload);
    EXPECT_TRUE(outcome.passed) << problem.name() << ", seed " << seed << ": largest error "
                                << outcome.max_error << ", "
                                << (outcome.first_wrong ? outcome.first_wrong->coordinate : "");
  }
}

}  // namespace
}  // namespace rackproof::kernels::attention

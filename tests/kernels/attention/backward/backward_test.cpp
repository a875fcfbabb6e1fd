/// Attention backward: work, plan, and the kernels through the Operation contract.

#include "kernels/attention/backward/backward.hpp"

#include "kernels/attention/backward/backward_config.hpp"
#include "kernels/attention/backward/backward_group.hpp"
#include "kernels/attention/backward/backward_workload.hpp"
#include "kernels/common/host_codec.hpp"
#include "runtime/error.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace rackproof::kernels::attention::backward {
namespace {

/// Both variants, through the contract.
void expect_right(const AttentionShape& shape) {
  for (const bool deterministic : {false, true}) {
    const BackwardProblem problem(shape, deterministic);
    const std::unique_ptr<Workload> workload =
        tests::prepare(backward_operation(), problem, {.seed = 4, .rotate_beyond_bytes = 0});
    const Verification outcome = tests::run_and_verify(*workload);
    tests::expect_all_right(problem, outcome);
    EXPECT_EQ(outcome.total_elements, problem.gradient_elements());
    EXPECT_GT(outcome.max_error, 0.02) << "a bound this far from what happens shows nothing";
  }
}

struct Case {
  Mask mask = Mask::full;
  std::int64_t q_len = 1;
  std::int64_t kv_len = 1;
  std::int64_t left = kUnlimited;
};
/// One row and one key more than a tile, several tiles, rows that see nothing, windows narrower and
/// wider than a tile.
constexpr Case kCases[] = {{Mask::full, 65, 129},       {Mask::causal, 150, 150},
                           {Mask::causal, 70, 260},     {Mask::causal, 200, 40},
                           {Mask::causal, 200, 200, 0}, {Mask::causal, 270, 300, 70}};

class BackwardKernel : public testing::TestWithParam<std::tuple<ElementType, std::int64_t, Case>> {
};

TEST_P(BackwardKernel, EqualsTheDefinition) {
  const auto& [type, head_dim, one] = GetParam();
  AttentionShape shape{.type = type,
                       .mask = one.mask,
                       .q_heads = 2,
                       .kv_heads = 1,
                       .q_len = one.q_len,
                       .kv_len = one.kv_len,
                       .head_dim = head_dim};
  shape.window_left = one.left;
  expect_right(shape);
}

INSTANTIATE_TEST_SUITE_P(Shapes, BackwardKernel,
                         testing::Combine(testing::Values(ElementType::bf16),
                                          testing::Values(64, 128), testing::ValuesIn(kCases)));
INSTANTIATE_TEST_SUITE_P(Fp16, BackwardKernel,
                         testing::Combine(testing::Values(ElementType::fp16),
                                          testing::Values(64, 128),
                                          testing::Values(Case{Mask::causal, 70, 140})));

/// Lengths at both sides of a tile, sequences without queries or without keys, rows that see
/// nothing, under a window.
TEST(BackwardKernel, PackedSequences) {
  AttentionShape shape{.mask = Mask::causal, .q_heads = 2, .kv_heads = 1, .head_dim = 64};
  shape.window_left = 90;
  shape.sequences = {{.q = 1, .kv = 1},    {.q = 0, .kv = 5},   {.q = 3, .kv = 0},
                     {.q = 70, .kv = 140}, {.q = 65, .kv = 20}, {.q = 64, .kv = 64}};
  expect_right(shape);
  shape.type = ElementType::fp16;
  shape.head_dim = 128;
  expect_right(shape);
}

/// One key has P = 1 and dS = dP - D = 0 but for rounding: dQ and dK hold nothing but errors.
TEST(BackwardKernel, OneQueryAndOneKey) {
  for (const std::int64_t head_dim : {64, 128}) {
    const BackwardProblem problem({.q_len = 1, .kv_len = 1, .head_dim = head_dim});
    const auto workload = tests::prepare(backward_operation(), problem);
    const Verification outcome = tests::run_and_verify(*workload);
    EXPECT_TRUE(outcome.passed) << tests::describe(outcome);
  }
}

/// Scores far below zero: P of a key that does not exist would be infinite if it were not hidden.
TEST(BackwardKernel, VeryNegativeScores) {
  for (const std::int64_t head_dim : {64, 128}) {
    for (const bool deterministic : {false, true}) {
      const BackwardProblem problem({.q_len = 100, .kv_len = 1, .head_dim = head_dim, .scale = 40},
                                    deterministic);
      const auto workload = tests::prepare(backward_operation(), problem);
      const Verification outcome = tests::run_and_verify(*workload);
      EXPECT_TRUE(outcome.passed) << problem.name() << ": " << tests::describe(outcome);
    }
  }
}

TEST(BackwardKernel, SharedKeyValueHeadsBatchesAndLayouts) {
  for (const std::int64_t kv_heads : {6, 3, 1}) {
    for (const Layout layout : {Layout::bshd, Layout::bhsd}) {
      expect_right({.mask = Mask::causal,
                    .layout = layout,
                    .batch = 2,
                    .q_heads = 6,
                    .kv_heads = kv_heads,
                    .q_len = 37,
                    .kv_len = 70,
                    .head_dim = 64});
    }
  }
}

TEST(BackwardKernel, AScaleOfItsOwn) {
  expect_right({.q_len = 90, .kv_len = 90, .head_dim = 128, .scale = 1});
}

std::vector<std::uint16_t> gradients_of(Workload& workload) {
  std::vector<std::uint16_t> values(workload.output().elements);
  RACKPROOF_CUDA(
      cudaMemcpy(values.data(), workload.output().data, values.size() * 2, cudaMemcpyDeviceToHost));
  return values;
}

TEST(BackwardWorkload, DeterministicRunsGiveTheSameBitsOnEveryBufferSet) {
  const BackwardProblem problem(
      {.mask = Mask::causal, .q_heads = 2, .q_len = 200, .kv_len = 300, .head_dim = 64}, true);
  BackwardWorkload workload(problem, false,
                            {.seed = 2, .rotate_beyond_bytes = problem.footprint_bytes()});
  ASSERT_EQ(workload.buffer_sets(), 2);
  const runtime::Stream stream;
  std::vector<std::vector<std::uint16_t>> results;
  for (int launch = 0; launch < 3; ++launch) {
    workload.launch(stream.get());
    stream.synchronize();
    results.push_back(gradients_of(workload));
    EXPECT_EQ(results.back(), results.front());
  }
}

TEST(BackwardVerify, OneWrongElementOfEachGradientIsFound) {
  const BackwardProblem problem({.mask = Mask::causal,
                                 .q_heads = 2,
                                 .kv_heads = 1,
                                 .q_len = 70,
                                 .kv_len = 90,
                                 .head_dim = 64});
  BackwardWorkload workload(problem, true, {.seed = 7, .rotate_beyond_bytes = 0});
  const runtime::Stream stream;
  workload.launch(stream.get());
  ASSERT_TRUE(workload.verify(stream.get()).passed);
  const std::uint64_t q = problem.forward().q_elements();
  const std::uint64_t kv = problem.forward().kv_elements();
  for (const std::uint64_t index : {std::uint64_t{5}, q - 1, q + 3, q + kv + 77, q + 2 * kv - 1}) {
    tests::corrupt_element(workload.output(), index);
    const Verification outcome = workload.verify(stream.get());
    EXPECT_EQ(outcome.wrong_elements, 1U);
    ASSERT_TRUE(outcome.first_wrong.has_value());
    EXPECT_EQ(outcome.first_wrong->index, index);
    tests::corrupt_element(workload.output(), index);
  }
}

/// `share` of D too much moves dQ by -share scale D P K and dK by -share scale (D P)^T Q: with many
/// keys a row that is far below what rounding does to one element.
void shift_gradients(BackwardWorkload& workload, const BackwardProblem& problem, double share,
                     bool of_dq) {
  const HostArrays arrays = workload.download();
  const auto head_dim = static_cast<std::size_t>(problem.shape().head_dim);
  const ElementType type = problem.shape().type;
  std::vector<double> shift(of_dq ? problem.forward().q_elements()
                                  : problem.forward().kv_elements());
  for (std::int64_t batch = 0; batch < problem.shape().batch; ++batch) {
    const Group group(problem, arrays, batch, 0);
    for (std::int64_t row = 0; row < group.q_len(); ++row) {
      const RowWeights weights = group.weights(0, row);
      const std::vector<double> q = group.q(0, row);
      for (std::size_t j = 0; j < weights.p.size(); ++j) {
        const auto key = static_cast<std::size_t>(group.keys(row).begin) + j;
        const double step = share * problem.forward().scale() * weights.delta * weights.p[j];
        const std::uint64_t index =
            of_dq ? group.q_index(0, row) : group.kv_index(static_cast<std::int64_t>(key));
        for (std::size_t d = 0; d < head_dim; ++d) {
          shift[index + d] -= step * (of_dq ? group.k()[key * head_dim + d] : q[d]);
        }
      }
    }
  }
  const std::uint64_t first = of_dq ? 0 : problem.forward().q_elements();
  std::vector<double> values = decode_row(type, arrays.gradients, first, shift.size());
  std::vector<float> shifted(shift.size());
  for (std::size_t i = 0; i < shift.size(); ++i) {
    shifted[i] = static_cast<float>(values[i] + shift[i]);
  }
  std::vector<std::byte> image(shift.size() * element_bytes(type));
  encode(type, std::span<const float>(shifted), image.data());
  RACKPROOF_CUDA(
      cudaMemcpy(static_cast<std::byte*>(workload.output().data) + first * element_bytes(type),
                 image.data(), image.size(), cudaMemcpyHostToDevice));
}

TEST(BackwardVerify, OnePercentOfDIsFound) {
  for (const ElementType type : {ElementType::bf16, ElementType::fp16}) {
    for (const bool of_dq : {true, false}) {
      const BackwardProblem problem(
          {.type = type, .batch = 6, .q_len = 128, .kv_len = 128, .head_dim = 64});
      BackwardWorkload workload(problem, false, {.seed = 9, .rotate_beyond_bytes = 0});
      const runtime::Stream stream;
      workload.launch(stream.get());
      const Verification right = workload.verify(stream.get());
      ASSERT_TRUE(right.passed) << right.measure;
      shift_gradients(workload, problem, 0.01, of_dq);
      const Verification shifted = workload.verify(stream.get());
      EXPECT_FALSE(shifted.passed) << shifted.measure;
      EXPECT_NE(shifted.measure.find("D WRONG in"), std::string::npos) << shifted.measure;
    }
  }
}

TEST(BackwardVerify, TheOracleAgreesWithTheHostAndFindsAWrongElement) {
  AttentionShape shape{.mask = Mask::causal,
                       .batch = 2,
                       .q_heads = 4,
                       .kv_heads = 2,
                       .q_len = 30,
                       .kv_len = 25,
                       .head_dim = 64};
  shape.window_left = 20;
  const BackwardProblem problem(shape);
  BackwardWorkload workload(problem, true, {.seed = 8, .rotate_beyond_bytes = 0});
  const runtime::Stream stream;
  workload.launch(stream.get());
  const Verification host = workload.verify(stream.get());
  const Verification device = workload.verify_beyond(1000, stream.get());
  EXPECT_TRUE(device.passed) << device.measure << ": " << tests::describe(device);
  EXPECT_NE(device.measure.find("oracle"), std::string::npos);
  EXPECT_NEAR(device.max_error, host.max_error, 1e-6) << "the same elements, the same bounds";
  tests::corrupt_element(workload.output(), 4321);
  const Verification planted = workload.verify_beyond(1000, stream.get());
  EXPECT_EQ(planted.wrong_elements, 1U);
  ASSERT_TRUE(planted.first_wrong.has_value());
  EXPECT_EQ(planted.first_wrong->index, 4321U);
}

/// check_counts.py counts the work of this one.
TEST(BackwardCounts, WholeTiles) {
  for (const std::int64_t head_dim : {64, 128}) {
    expect_right({.mask = Mask::causal,
                  .q_heads = 2,
                  .kv_heads = 1,
                  .q_len = 256,
                  .kv_len = 256,
                  .head_dim = head_dim});
  }
}

TEST(BackwardWorkload, ReportsItsResources) {
  for (const std::int64_t head_dim : {64, 128}) {
    for (const bool sum_dq : {false, true}) {
      const BackwardProblem problem(
          {.q_heads = 2, .q_len = 3, .kv_len = 129, .head_dim = head_dim});
      const KernelResources resources = BackwardWorkload(problem, sum_dq, {}).resources();
      EXPECT_EQ(resources.blocks, 2);
      EXPECT_EQ(resources.spill_bytes_per_thread, 0);
      EXPECT_EQ(resources.shared_bytes_per_block, backward_config(head_dim).shared_bytes(sum_dq));
    }
  }
}

TEST(BackwardProblem, CountsFiveProductsAndEveryArrayOnce) {
  const BackwardProblem problem({.mask = Mask::causal,
                                 .batch = 2,
                                 .q_heads = 6,
                                 .kv_heads = 3,
                                 .q_len = 5,
                                 .kv_len = 7,
                                 .head_dim = 64},
                                true);
  EXPECT_EQ(problem.name(), "attention_backward/bf16/causal/b2hq6hkv3q5kv7d64/deterministic");
  const double pairs = 2 * (3 + 4 + 5 + 6 + 7);
  EXPECT_EQ(problem.work().flops, 10.0 * 6 * 64 * pairs);
  const double q = 2 * 6 * 5 * 64;
  const double kv = 2 * 3 * 7 * 64;
  EXPECT_EQ(problem.work().bytes, 2 * (4 * q + 4 * kv) + 4 * 2 * 6 * 5)
      << "Q, O, dO, dQ; K, V, dK, dV; lse";
}

TEST(BackwardOperation, DeterminismDecidesTheVariant) {
  const Operation& operation = backward_operation();
  const auto name_for = [&](bool deterministic) {
    const BackwardProblem problem({}, deterministic);
    return std::string(std::get<const Variant*>(choose_variant(operation, problem, {8, 0}))->name);
  };
  EXPECT_EQ(name_for(false), "sm80");
  EXPECT_EQ(name_for(true), "sm80_deterministic");
  ParamReader reader({{"shape", "explicit"},
                      {"heads", std::int64_t{2}},
                      {"seq", std::int64_t{64}},
                      {"deterministic", true}});
  const auto plan = operation.plan(reader, {.cc = {10, 3}, .gpus = 1});
  reader.finish();
  EXPECT_EQ(plan[0].problem->name(),
            "attention_backward/bf16/full/b1hq2hkv2q64kv64d128/deterministic");
}

}  // namespace
}  // namespace rackproof::kernels::attention::backward

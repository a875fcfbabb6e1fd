/// The kernels on a device (a GPU or the emulator), through the Operation contract.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/attention_verify.hpp"
#include "kernels/attention/attention_workload.hpp"
#include "kernels/attention/implementations.hpp"
#include "kernels/attention/sm80_config.hpp"
#include "runtime/error.hpp"
#include "runtime/stream.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace rackproof::kernels::attention {
namespace {

std::unique_ptr<Workload> prepare(const AttentionProblem& problem, PrepareOptions options = {}) {
  return tests::prepare(attention_operation(), problem, options);
}

Verification launch_and_verify(const AttentionProblem& problem, std::uint64_t seed = 1) {
  return tests::run_and_verify(*prepare(problem, {.seed = seed}));
}

void expect_right(const AttentionShape& shape) {
  const AttentionProblem problem(shape);
  const Verification outcome = launch_and_verify(problem);
  tests::expect_all_right(problem, outcome);
}

struct Lengths {
  std::int64_t q = 0;
  std::int64_t kv = 0;
};

/// One query and one key, one row or key more than a tile, more tiles than the ring has stages,
/// decoding-like and prefill-like, and causal rows that see nothing (q > kv).
constexpr Lengths kLengths[] = {{1, 1}, {1, 300}, {77, 1}, {129, 65}, {130, 40}, {64, 331}};

class AttentionKernel
    : public testing::TestWithParam<std::tuple<ElementType, std::int64_t, Mask, Lengths>> {};

TEST_P(AttentionKernel, EqualsTheDefinition) {
  const auto [type, head_dim, mask, lengths] = GetParam();
  expect_right({.type = type,
                .mask = mask,
                .batch = 1,
                .q_heads = 2,
                .kv_heads = 1,
                .q_len = lengths.q,
                .kv_len = lengths.kv,
                .head_dim = head_dim});
}

INSTANTIATE_TEST_SUITE_P(Lengths, AttentionKernel,
                         testing::Combine(testing::Values(ElementType::bf16, ElementType::fp16),
                                          testing::Values(64, 128),
                                          testing::Values(Mask::full, Mask::causal),
                                          testing::ValuesIn(kLengths)),
                         [](const auto& parameters) {
                           const Lengths lengths = std::get<3>(parameters.param);
                           return std::string(to_string(std::get<0>(parameters.param))) + "_d" +
                                  std::to_string(std::get<1>(parameters.param)) + "_" +
                                  std::string(to_string(std::get<2>(parameters.param))) + "_q" +
                                  std::to_string(lengths.q) + "_kv" + std::to_string(lengths.kv);
                         });

TEST(AttentionHeads, SharedKeyValueHeadsBatchesAndLayouts) {
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

TEST(AttentionHeads, AScaleOfItsOwn) {
  expect_right({.q_len = 20, .kv_len = 90, .head_dim = 64, .scale = 1.5});
  expect_right({.type = ElementType::fp16, .q_len = 20, .kv_len = 90, .head_dim = 128, .scale = 3});
}

/// One huge sequence among tiny ones, empty on either side, lengths at both sides of a tile, rows
/// that see nothing; then windows: the diagonal alone, narrower and wider than a tile of keys.
AttentionShape packed_batch(ElementType type, std::int64_t head_dim) {
  AttentionShape shape{.type = type, .q_heads = 2, .kv_heads = 1, .head_dim = head_dim};
  shape.sequences = {{.q = 1, .kv = 1},     {.q = 0, .kv = 5},   {.q = 3, .kv = 0},
                     {.q = 130, .kv = 321}, {.q = 65, .kv = 20}, {.q = 129, .kv = 129}};
  return shape;
}

struct Window {
  Mask mask = Mask::full;
  std::int64_t left = kUnlimited;
  std::int64_t right = kUnlimited;
};
constexpr Window kWindows[] = {{.mask = Mask::full},
                               {.mask = Mask::causal},
                               {.mask = Mask::causal, .left = 0},
                               {.mask = Mask::causal, .left = 70},
                               {.mask = Mask::full, .left = 3, .right = 130}};

class PackedKernel : public testing::TestWithParam<std::tuple<ElementType, std::int64_t, Window>> {
};

TEST_P(PackedKernel, EqualsTheDefinition) {
  const auto [type, head_dim, window] = GetParam();
  AttentionShape shape = packed_batch(type, head_dim);
  shape.mask = window.mask;
  shape.window_left = window.left;
  shape.window_right = window.right;
  expect_right(shape);
}

INSTANTIATE_TEST_SUITE_P(Windows, PackedKernel,
                         testing::Combine(testing::Values(ElementType::bf16, ElementType::fp16),
                                          testing::Values(64, 128), testing::ValuesIn(kWindows)));

TEST(AttentionWindows, BatchesOfEqualSequencesInBothLayouts) {
  for (const Layout layout : {Layout::bshd, Layout::bhsd}) {
    AttentionShape shape{.mask = Mask::causal,
                         .layout = layout,
                         .batch = 2,
                         .q_heads = 4,
                         .kv_heads = 2,
                         .q_len = 150,
                         .kv_len = 200,
                         .head_dim = 64};
    shape.window_left = 65;
    expect_right(shape);
  }
}

TEST(AttentionKernelOutput, RowsThatSeeNoKeyAreZero) {
  const AttentionProblem problem({.mask = Mask::causal, .q_len = 140, .kv_len = 3, .head_dim = 64});
  const runtime::Stream stream;
  const std::unique_ptr<Workload> workload = prepare(problem);
  workload->launch(stream.get());
  stream.synchronize();
  const OutputView output = workload->output();
  std::vector<std::uint16_t> values(output.elements);
  RACKPROOF_CUDA(cudaMemcpy(values.data(), output.data, values.size() * sizeof(std::uint16_t),
                            cudaMemcpyDeviceToHost));
  for (std::size_t i = 0; i < 137 * 64; ++i) {
    ASSERT_EQ(values[i], 0) << "element " << i;
  }
  EXPECT_NE(values[137 * 64], 0);
}

/// A wrong element wherever it lies: first, last, an edge between warps, between tiles, the middle.
TEST(AttentionKernelOutput, OneWrongElementIsFoundAnywhere) {
  const AttentionProblem problem(
      {.mask = Mask::causal, .q_heads = 2, .q_len = 150, .kv_len = 150, .head_dim = 64});
  const runtime::Stream stream;
  const std::unique_ptr<Workload> workload = prepare(problem);
  workload->launch(stream.get());
  ASSERT_TRUE(workload->verify(stream.get()).passed);
  const OutputView output = workload->output();
  ASSERT_EQ(output.element_bytes, sizeof(std::uint16_t));
  for (const std::uint64_t index : {std::uint64_t{0}, output.elements - 1, std::uint64_t{32 * 128},
                                    std::uint64_t{127 * 128 + 5}, output.elements / 2}) {
    auto* element = static_cast<std::uint16_t*>(output.data) + index;
    std::uint16_t right = 0;
    RACKPROOF_CUDA(cudaMemcpy(&right, element, sizeof(right), cudaMemcpyDeviceToHost));
    const auto wrong = static_cast<std::uint16_t>(right ^ 0x8000U);  // the sign
    RACKPROOF_CUDA(cudaMemcpy(element, &wrong, sizeof(wrong), cudaMemcpyHostToDevice));
    const Verification outcome = workload->verify(stream.get());
    EXPECT_FALSE(outcome.passed);
    EXPECT_EQ(outcome.wrong_elements, 1U);
    ASSERT_TRUE(outcome.first_wrong.has_value());
    EXPECT_EQ(outcome.first_wrong->index, index);
    RACKPROOF_CUDA(cudaMemcpy(element, &right, sizeof(right), cudaMemcpyHostToDevice));
  }
  EXPECT_TRUE(workload->verify(stream.get()).passed);
}

TEST(AttentionWorkload, RotatesOverBufferSetsWithTheSameData) {
  const AttentionProblem problem({.q_len = 8, .kv_len = 16, .head_dim = 64});
  const runtime::Stream stream;
  const std::unique_ptr<Workload> workload =
      prepare(problem, {.seed = 3, .rotate_beyond_bytes = 2 * problem.set_bytes()});
  ASSERT_EQ(workload->buffer_sets(), 3);
  std::vector<const void*> outputs;
  std::vector<std::vector<std::uint16_t>> results;
  for (int launch = 0; launch < 4; ++launch) {
    workload->launch(stream.get());
    ASSERT_TRUE(workload->verify(stream.get()).passed);
    const OutputView output = workload->output();
    outputs.push_back(output.data);
    results.emplace_back(output.elements);
    RACKPROOF_CUDA(cudaMemcpy(results.back().data(), output.data,
                              output.elements * output.element_bytes, cudaMemcpyDeviceToHost));
    EXPECT_EQ(results[static_cast<std::size_t>(launch)], results[0]);
  }
  EXPECT_NE(outputs[1], outputs[0]);
  EXPECT_NE(outputs[2], outputs[0]);
  EXPECT_NE(outputs[2], outputs[1]);
  EXPECT_EQ(outputs[3], outputs[0]);
}

TEST(AttentionWorkload, SeedsDecideTheData) {
  const AttentionProblem problem({.q_len = 3, .kv_len = 5, .head_dim = 64});
  const auto result = [&](std::uint64_t seed) {
    const runtime::Stream stream;
    const std::unique_ptr<Workload> workload = prepare(problem, {.seed = seed});
    workload->launch(stream.get());
    stream.synchronize();
    std::vector<std::uint16_t> values(workload->output().elements);
    RACKPROOF_CUDA(cudaMemcpy(values.data(), workload->output().data,
                              values.size() * sizeof(std::uint16_t), cudaMemcpyDeviceToHost));
    return values;
  };
  EXPECT_EQ(result(1), result(1));
  EXPECT_NE(result(1), result(2));
}

TEST(AttentionWorkload, ReportsItsResources) {
  for (const std::int64_t head_dim : {64, 128}) {
    const AttentionProblem problem({.q_heads = 3, .q_len = 300, .kv_len = 8, .head_dim = head_dim});
    const KernelResources resources = prepare(problem)->resources();
    EXPECT_EQ(resources.blocks, 3 * 3);
    EXPECT_EQ(resources.threads_per_block, 128);
    EXPECT_EQ(resources.spill_bytes_per_thread, 0);
    EXPECT_EQ(resources.shared_bytes_per_block, sm80_config(head_dim).shared_bytes());
    EXPECT_GT(resources.registers_per_thread, 0);
    EXPECT_LE(resources.registers_per_thread, kMaxRegisters);
  }
}

TEST(AttentionWorkload, AsManyBlocksAreResidentAsThePlanCounts) {
  int device = 0;
  int shared_per_sm = 0;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(
      cudaDeviceGetAttribute(&shared_per_sm, cudaDevAttrMaxSharedMemoryPerMultiprocessor, device));
  for (const ElementType type : {ElementType::bf16, ElementType::fp16}) {
    for (const std::int64_t head_dim : {64, 128}) {
      const AttentionProblem problem({.type = type, .head_dim = head_dim});
      enable_sm80(problem);
      EXPECT_EQ(sm80_occupancy(problem),
                sm80_config(head_dim).blocks_per_sm(static_cast<std::uint64_t>(shared_per_sm)));
    }
  }
}

/// check_counts.py counts the work of these on the emulator.
void run_whole_tiles(Mask mask) {
  for (const std::int64_t head_dim : {64, 128}) {
    expect_right({.mask = mask, .q_heads = 2, .q_len = 256, .kv_len = 256, .head_dim = head_dim});
  }
}

TEST(AttentionCounts, FullMask) {
  run_whole_tiles(Mask::full);
}

TEST(AttentionCounts, CausalMask) {
  run_whole_tiles(Mask::causal);
}

/// A window of 32 keys: tiles of 128 x 64 that no row of the tile sees are not visited.
TEST(AttentionCounts, SlidingWindow) {
  for (const std::int64_t head_dim : {64, 128}) {
    AttentionShape shape{
        .mask = Mask::causal, .q_heads = 2, .q_len = 384, .kv_len = 384, .head_dim = head_dim};
    shape.window_left = 31;
    expect_right(shape);
  }
}

/// The path for outputs too large for the host: the oracle kernel agrees with the host reference,
/// passes what is right and finds what is wrong.
TEST(AttentionOracle, ChecksEveryElementOnTheDevice) {
  for (const ElementType type : {ElementType::bf16, ElementType::fp16}) {
    const AttentionProblem problem({.type = type,
                                    .mask = Mask::causal,
                                    .batch = 2,
                                    .q_heads = 2,
                                    .kv_heads = 1,
                                    .q_len = 30,
                                    .kv_len = 25,
                                    .head_dim = 64});
    AttentionShape packed = packed_batch(type, 64);
    packed.window_left = 40;
    AttentionWorkload windows(implementations()[0], AttentionProblem(packed), {.seed = 6});
    windows.launch(nullptr);
    EXPECT_TRUE(windows.verify_beyond(100, nullptr).passed);

    const runtime::Stream stream;
    AttentionWorkload workload(implementations()[0], problem, {.seed = 5});
    workload.launch(stream.get());
    constexpr double kTakesTheDevice = 100;
    const Verification outcome = workload.verify_beyond(kTakesTheDevice, stream.get());
    EXPECT_TRUE(outcome.passed) << outcome.measure << ": " << tests::describe(outcome);
    EXPECT_EQ(outcome.checked_elements, outcome.total_elements);
    EXPECT_NE(outcome.measure.find("oracle"), std::string::npos);

    const std::uint16_t wrong = 0x3c00;
    RACKPROOF_CUDA(cudaMemcpy(static_cast<std::uint16_t*>(workload.output().data) + 4321, &wrong,
                              sizeof(wrong), cudaMemcpyHostToDevice));
    const Verification planted = workload.verify_beyond(kTakesTheDevice, stream.get());
    EXPECT_EQ(planted.wrong_elements, 1U);
    ASSERT_TRUE(planted.first_wrong.has_value());
    EXPECT_EQ(planted.first_wrong->index, 4321U);
  }
}

}  // namespace
}  // namespace rackproof::kernels::attention

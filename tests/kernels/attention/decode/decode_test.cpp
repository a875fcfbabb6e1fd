/// Decode attention: plan, work, schedule, and the kernels through the Operation contract.

#include "kernels/attention/decode/decode.hpp"

#include "kernels/attention/decode/decode_config.hpp"
#include "kernels/attention/decode/decode_workload.hpp"
#include "runtime/error.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace rackproof::kernels::attention::decode {
namespace {

void expect_right(const DecodeShape& shape, std::int64_t split_keys = 0) {
  const DecodeProblem problem(shape);
  DecodeWorkload workload(problem, {.seed = 3, .rotate_beyond_bytes = 0}, split_keys);
  const Verification outcome = tests::run_and_verify(workload);
  tests::expect_all_right(problem, outcome);
  EXPECT_EQ(outcome.total_elements, problem.q_elements() + problem.lse_elements());
}

/// Empty, one key, both sides of a tile, a page, a step of all warps and a split; one huge among
/// tiny ones.
std::vector<std::int64_t> mixed_lengths() {
  return {0, 1, 15, 16, 17, 64, 65, 128, 255, 256, 257, 1000, 3};
}

class DecodeKernel
    : public testing::TestWithParam<std::tuple<ElementType, std::int64_t, std::int64_t>> {};

TEST_P(DecodeKernel, EqualsTheDefinition) {
  const auto [type, head_dim, page_size] = GetParam();
  const DecodeShape shape{.type = type,
                          .q_heads = 6,
                          .kv_heads = 2,
                          .head_dim = head_dim,
                          .page_size = page_size,
                          .kv_lens = mixed_lengths()};
  expect_right(shape);
  expect_right(shape, kSplitGranularity);
}

INSTANTIATE_TEST_SUITE_P(Pages, DecodeKernel,
                         testing::Combine(testing::Values(ElementType::bf16, ElementType::fp16),
                                          testing::Values(64, 128), testing::Values(16, 48, 64)));

/// Groups of one head, of a whole tile, of more than a tile with a rest, and multi-query.
TEST(DecodeHeads, GroupsOfAnySize) {
  for (const auto& [q_heads, kv_heads] :
       {std::pair{3, 3}, std::pair{32, 2}, std::pair{40, 2}, std::pair{17, 1}}) {
    expect_right({.q_heads = q_heads,
                  .kv_heads = kv_heads,
                  .head_dim = 64,
                  .page_size = 16,
                  .kv_lens = {300, 20}},
                 kSplitGranularity);
  }
}

TEST(DecodeHeads, AScaleOfItsOwn) {
  expect_right({.q_heads = 2, .head_dim = 128, .kv_lens = {70, 300}, .scale = 2}, 128);
}

/// check_counts.py counts the work of this one: whole steps of all warps, unsplit and split.
TEST(DecodeCounts, WholeSteps) {
  for (const std::int64_t head_dim : {64, 128}) {
    expect_right({.q_heads = 32,
                  .kv_heads = 2,
                  .head_dim = head_dim,
                  .page_size = 16,
                  .kv_lens = {128, 512}},
                 128);
  }
}

/// The oracle kernel takes over where the host would take too long.
TEST(DecodeVerify, TheOracleAgreesAndFindsAWrongElement) {
  const DecodeProblem problem(
      {.q_heads = 4, .kv_heads = 2, .head_dim = 64, .page_size = 16, .kv_lens = {50, 0, 300}});
  DecodeWorkload workload(problem, {.seed = 9, .rotate_beyond_bytes = 0}, 128);
  const runtime::Stream stream;
  workload.launch(stream.get());
  const Verification outcome = workload.verify_beyond(100, stream.get());
  EXPECT_TRUE(outcome.passed) << tests::describe(outcome);
  EXPECT_NE(outcome.measure.find("oracle"), std::string::npos);
  for (const std::uint64_t index :
       {std::uint64_t{0}, std::uint64_t{4 * 64 + 7}, std::uint64_t{767}}) {
    tests::corrupt_element(workload.output(), index);
    const Verification planted = workload.verify(stream.get());
    EXPECT_EQ(planted.wrong_elements, 1U);
    ASSERT_TRUE(planted.first_wrong.has_value());
    EXPECT_EQ(planted.first_wrong->index, index);
    tests::corrupt_element(workload.output(), index);
  }
}

TEST(DecodeWorkload, IsReproducibleAndRotatesOverBufferSets) {
  const DecodeProblem problem({.q_heads = 4, .head_dim = 64, .kv_lens = {700, 40}});
  DecodeWorkload workload(problem, {.seed = 1, .rotate_beyond_bytes = problem.footprint_bytes()},
                          128);
  ASSERT_EQ(workload.buffer_sets(), 2);
  const runtime::Stream stream;
  std::vector<std::vector<std::uint16_t>> results;
  for (int launch = 0; launch < 3; ++launch) {
    workload.launch(stream.get());
    ASSERT_TRUE(workload.verify(stream.get()).passed);
    results.emplace_back(workload.output().elements);
    RACKPROOF_CUDA(cudaMemcpy(results.back().data(), workload.output().data,
                              results.back().size() * 2, cudaMemcpyDeviceToHost));
    EXPECT_EQ(results.back(), results.front());
  }
}

TEST(DecodeWorkload, ReportsItsResources) {
  for (const std::int64_t head_dim : {64, 128}) {
    const DecodeProblem problem(
        {.q_heads = 40, .kv_heads = 2, .head_dim = head_dim, .kv_lens = {300, 20}});
    const DecodeWorkload workload(problem, {}, 128);
    const KernelResources resources = workload.resources();
    EXPECT_EQ(resources.blocks, (3 + 1) * 2 * 2);
    EXPECT_EQ(resources.spill_bytes_per_thread, 0);
    EXPECT_EQ(resources.shared_bytes_per_block, decode_config(head_dim).shared_bytes());
  }
}

DecodeProblem batch_of(std::vector<std::int64_t> lengths) {
  return DecodeProblem({.q_heads = 8,
                        .kv_heads = 2,
                        .head_dim = 64,
                        .page_size = 16,
                        .kv_lens = std::move(lengths)});
}

TEST(DecodeSchedule, CoversEveryKeyOnceAndNumbersThePartials) {
  const DecodeProblem problem = batch_of({0, 1, 256, 257, 5000});
  const DecodeSchedule schedule = make_schedule(problem, 2, 10, 1280);
  EXPECT_EQ(make_schedule(problem, 2, 10).split_keys, kMinSplitKeys) << "nothing left to balance";
  ASSERT_EQ(schedule.items.size(), 4U + 4U);
  EXPECT_EQ(schedule.partials, 4);
  ASSERT_EQ(schedule.combines.size(), 1U);
  EXPECT_EQ(schedule.combines[0].sequence, 4);
  EXPECT_EQ(schedule.combines[0].splits, 4);
  std::vector<int> seen(4);
  for (const DecodeItem& item : schedule.items) {
    if (item.sequence == 4) {
      ++seen[static_cast<std::size_t>(item.split)];
      EXPECT_EQ(item.partial, item.split);
    } else {
      EXPECT_EQ(item.partial, kWhole);
    }
  }
  EXPECT_EQ(seen, (std::vector<int>{1, 1, 1, 1}));
}

TEST(DecodeSchedule, SplitsOnlyToFillTheDevice) {
  // 512 CTAs on 300 places take two waves; 2048 of a quarter take 7 short ones.
  EXPECT_EQ(make_schedule(batch_of(std::vector<std::int64_t>(64, 8192)), 8, 300).split_keys, 2048);
  EXPECT_TRUE(
      make_schedule(batch_of(std::vector<std::int64_t>(38, 8192)), 8, 304).combines.empty());
  EXPECT_TRUE(make_schedule(batch_of({256}), 1, 304).combines.empty()) << "too short to split";
  EXPECT_EQ(make_schedule(batch_of({131072}), 1, 304).items.size(), 256U);  // 512 keys each
}

TEST(DecodeProblem, CountsKeysPagesAndTables) {
  const DecodeProblem problem = batch_of({0, 1, 17});
  EXPECT_EQ(problem.name().substr(0, problem.name().rfind('/')),
            "attention_decode/bf16/b3hq8hkv2kv17d64p16/mixed18");
  EXPECT_EQ(problem.total_pages(), 3);
  EXPECT_EQ(problem.work().flops, 4.0 * 8 * 64 * 18);
  EXPECT_EQ(problem.work().bytes, 2.0 * (2 * 8 * 64          // Q of two sequences
                                         + 3 * 8 * 64        // O
                                         + 2 * 2 * 64 * 18)  // K, V
                                      + 4 * 3 * 8            // lse
                                      + 4 * (3 + 3));        // lengths, pages
  EXPECT_EQ(problem.unit(), ThroughputUnit::gb_per_s);
  EXPECT_EQ(batch_of({9, 9}).name(), "attention_decode/bf16/b2hq8hkv2kv9d64p16");
  EXPECT_NE(batch_of({1, 17, 0}).name(), problem.name());
}

std::string rejected(ParamMap request) {
  try {
    ParamReader reader(std::move(request));
    const auto plan = decode_operation().plan(reader, {.cc = {10, 3}, .gpus = 4});
    reader.finish();
  } catch (const ParamError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(DecodePlan, ModelsBatchesAndPageSizes) {
  ParamReader reader({{"model", "llama-3.1-70b"},
                      {"batch", std::vector<std::int64_t>{1, 128}},
                      {"kv_seq", std::int64_t{4096}},
                      {"page_size", std::vector<std::int64_t>{16, 64}}});
  const auto plan = decode_operation().plan(reader, {.cc = {10, 3}, .gpus = 4});
  reader.finish();
  ASSERT_EQ(plan.size(), 4U);
  EXPECT_EQ(plan[3].problem->name(), "attention_decode/bf16/b128hq16hkv2kv4096d128p64");
  EXPECT_EQ(
      plan[0].reason,
      "one token for each of 1 sequences of 4096 keys; heads of llama-3.1-70b; 64 query heads "
      "over 4 GPUs: 16 each, reading 2 key-value heads");
}

TEST(DecodePlan, SaysWhichKeyIsWrong) {
  const auto heads = [](ParamMap more) {
    more.insert({{"heads", std::int64_t{4}}, {"kv_seq", std::int64_t{100}}});
    return more;
  };
  EXPECT_EQ(rejected(heads({})), "accepted");
  EXPECT_EQ(rejected(heads({{"page_size", std::int64_t{24}}})),
            "'page_size' must be a multiple of 16 in 16..4096, found 24");
  EXPECT_EQ(rejected(heads({{"batch", std::int64_t{0}}})),
            "'batch' must lie in 1..1048576, found 0");
  EXPECT_EQ(rejected(heads({{"type", "fp32"}})), "'type' must be bf16 or fp16, found fp32");
  EXPECT_EQ(rejected(heads({{"kv_heads", std::int64_t{3}}})),
            "'kv_heads' must divide heads (4), found 3");
}

}  // namespace
}  // namespace rackproof::kernels::attention::decode

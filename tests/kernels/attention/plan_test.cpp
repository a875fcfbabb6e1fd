/// Sizes that follow from the device, and their reasons.

#include "kernels/attention/attention.hpp"
#include "kernels/attention/attention_models.hpp"
#include "kernels/attention/attention_plan.hpp"

#include <gtest/gtest.h>

#include <string>

namespace rackproof::kernels::attention {
namespace {

SizingContext gb300(int gpus = 4) {
  return {.cc = {10, 3},
          .multiprocessors = 152,
          .memory_bytes = 278ULL << 30,
          .l2_bytes = 126U << 20,
          .shared_memory_per_block_bytes = 227 * 1024,
          .gpus = gpus,
          .gpus_per_node = 4};
}

std::vector<PlannedProblem> plan(ParamMap request, const SizingContext& context = gb300()) {
  ParamReader reader(std::move(request));
  std::vector<PlannedProblem> problems = attention_operation().plan(reader, context);
  reader.finish();
  return problems;
}

std::string rejected(ParamMap request) {
  try {
    plan(std::move(request));
  } catch (const ParamError& error) {
    return error.what();
  }
  return "accepted";
}

const AttentionShape& shape_of(const PlannedProblem& planned) {
  return dynamic_cast<const AttentionProblem&>(*planned.problem).shape();
}

TEST(AttentionPlan, ExplicitMeansWhatTheSuiteSaysInAllCombinations) {
  const auto problems = plan({{"shape", "explicit"},
                              {"type", std::vector<std::string>{"bf16", "fp16"}},
                              {"mask", std::vector<std::string>{"full", "causal"}},
                              {"head_dim", std::vector<std::int64_t>{64, 128}},
                              {"seq", std::int64_t{256}},
                              {"heads", std::int64_t{8}},
                              {"kv_heads", std::int64_t{2}},
                              {"batch", std::int64_t{3}}});
  ASSERT_EQ(problems.size(), 8U);
  EXPECT_EQ(problems.front().problem->name(), "attention/bf16/full/b3hq8hkv2q256kv256d64");
  EXPECT_EQ(problems.back().problem->name(), "attention/fp16/causal/b3hq8hkv2q256kv256d128");
  EXPECT_EQ(problems.front().reason, "as the suite says");
}

TEST(AttentionPlan, FullWavesCountResidentBlocks) {
  const auto problems = plan({{"shape", "full_waves"}, {"waves", std::int64_t{4}}});
  ASSERT_EQ(problems.size(), 1U);
  const AttentionShape& shape = shape_of(problems[0]);
  EXPECT_EQ(shape.q_heads, 19);  // 4 * 152 * 2 / 64 tiles
  EXPECT_EQ(shape.kv_heads, 19);
  EXPECT_EQ(shape.q_len, 8192);
  EXPECT_EQ(problems[0].reason,
            "19 heads x 64 tiles of 128 queries = 1216 CTAs: 4 waves of 304 (152 SMs x 2), 100 % "
            "full");
}

TEST(AttentionPlan, AWaveThatCannotBeFilledSaysHowFullItIs) {
  const auto problems =
      plan({{"shape", "full_waves"}, {"waves", std::int64_t{1}}, {"seq", std::int64_t{8192}}});
  EXPECT_EQ(shape_of(problems[0]).q_heads, 4);
  EXPECT_NE(problems[0].reason.find("256 CTAs: 1 wave of 304 (152 SMs x 2), 84.21 % full"),
            std::string::npos)
      << problems[0].reason;
  const WaveFill one = fill_waves(1000, 2, 152, 1);
  EXPECT_EQ(one.heads, 1) << "a head that needs more than the waves asked for is still a problem";
  EXPECT_DOUBLE_EQ(one.fill, 1000.0 / 1216);
}

TEST(AttentionPlan, AModelLayerIsShardedOverTheJob) {
  const auto tray = plan({{"shape", "model_layer"},
                          {"model", "llama-3.1-405b"},
                          {"tokens", std::int64_t{2048}},
                          {"mask", "causal"}});
  EXPECT_EQ(tray[0].problem->name(), "attention/bf16/causal/b1hq32hkv2q2048kv2048d128");
  EXPECT_EQ(tray[0].reason,
            "attention of llama-3.1-405b, 1 x 2048 tokens; 128 query heads over 4 GPUs: 32 each, "
            "reading 2 key-value heads");

  const auto rack64 = plan({{"shape", "model_layer"}, {"model", "llama-3.1-405b"}}, gb300(64));
  EXPECT_EQ(shape_of(rack64[0]).q_heads, 2);
  EXPECT_EQ(shape_of(rack64[0]).kv_heads, 1);

  const auto rack72 = plan({{"shape", "model_layer"}, {"model", "llama-3.1-405b"}}, gb300(72));
  EXPECT_EQ(shape_of(rack72[0]).q_heads, 2);
  EXPECT_NE(rack72[0].reason.find("128 query heads over 72 GPUs do not divide: 2 on the fullest, "
                                  "8 GPUs of the model without any"),
            std::string::npos)
      << rack72[0].reason;
}

TEST(AttentionPlan, ShardsKeepWholeGroups) {
  const AttentionModel model = find_model("llama-3.1-405b");  // 16 query heads a group
  const HeadShard three = shard_heads(model, 3);              // 43 heads: 3 groups
  EXPECT_EQ(three.kv_heads, 3);
  EXPECT_EQ(three.q_heads, 48);
  const HeadShard all = shard_heads(model, 1);
  EXPECT_EQ(all.q_heads, 128);
  EXPECT_EQ(all.kv_heads, 8);
  const HeadShard many = shard_heads(model, 1000);
  EXPECT_EQ(many.q_heads, 1);
  EXPECT_NE(many.reason.find("872 GPUs of the model without any"), std::string::npos)
      << many.reason;
}

TEST(AttentionPlan, PackedSequencesTakeTheirHeadsFromASuiteOrAModel) {
  const auto own = plan({{"shape", "packed"},
                         {"lengths", std::vector<std::int64_t>{3, 0, 5}},
                         {"kv_lengths", std::vector<std::int64_t>{7, 2, 5}},
                         {"heads", std::int64_t{4}},
                         {"kv_heads", std::int64_t{2}},
                         {"mask", "causal"},
                         {"window_left", std::int64_t{2}}});
  ASSERT_EQ(own.size(), 1U);
  const AttentionShape& shape = shape_of(own[0]);
  EXPECT_EQ(shape.sequences, (std::vector<SequenceLengths>{
                                 {.q = 3, .kv = 7}, {.q = 0, .kv = 2}, {.q = 5, .kv = 5}}));
  EXPECT_EQ(shape.window_left, 2);
  EXPECT_EQ(own[0].reason, "3 packed sequences, 8 tokens; as the suite says");

  const auto layer = plan({{"shape", "packed"},
                           {"lengths", std::vector<std::int64_t>{30, 20}},
                           {"model", "llama-3.1-70b"}});
  EXPECT_EQ(shape_of(layer[0]).q_heads, 16);
  EXPECT_EQ(shape_of(layer[0]).kv_heads, 2);
}

TEST(AttentionPlan, SaysWhichKeyIsWrong) {
  EXPECT_EQ(rejected({{"shape", "packed"}, {"heads", std::int64_t{1}}}),
            "'lengths' is required (a list of integers)");
  EXPECT_EQ(rejected({{"shape", "packed"},
                      {"heads", std::int64_t{1}},
                      {"lengths", std::vector<std::int64_t>{1, 2}},
                      {"kv_lengths", std::vector<std::int64_t>{1}}}),
            "'kv_lengths' must have as many entries as lengths (2), found 1");
  EXPECT_EQ(rejected({{"shape", "square"}}),
            "'shape' unknown shape 'square'; known: explicit, full_waves, model_layer, packed");
  EXPECT_EQ(rejected({{"shape", "full_waves"}, {"mask", "triangle"}}),
            "'mask' unknown mask 'triangle'; known: full, causal");
  EXPECT_EQ(rejected({{"shape", "full_waves"}, {"waves", std::int64_t{0}}}),
            "'waves' must be at least 1, found 0");
  EXPECT_EQ(rejected({{"shape", "model_layer"}, {"model", "bert"}}),
            "'model' unknown model 'bert'; known: llama-3.1-8b, llama-3.1-70b, llama-3.1-405b, "
            "gpt-oss-120b");
  EXPECT_EQ(rejected({{"shape", "model_layer"}, {"model", "llama-3.1-8b"}, {"shards", "rack"}}),
            "'shards' must be \"job\" or a number of GPUs, found 'rack'");
  EXPECT_EQ(rejected({{"shape", "explicit"}}), "'heads' is required (an integer)");
  EXPECT_EQ(
      rejected({{"shape", "explicit"}, {"heads", std::int64_t{4}}, {"head_dim", std::int64_t{80}}}),
      "'head_dim' must be 64 or 128, found 80");
  EXPECT_EQ(rejected({{"shape", "explicit"}, {"heads", std::int64_t{4}}, {"wave", std::int64_t{1}}})
                .substr(0, 17),
            "'wave' is unknown");
}

TEST(AttentionOperation, OneVariantRunsFromAmpereOn) {
  const Operation& operation = attention_operation();
  const AttentionProblem problem({});
  ASSERT_EQ(operation.variants().size(), 1U);
  const Variant& variant = operation.variants()[0];
  EXPECT_FALSE(operation.unsupported(variant, problem, {8, 0}).has_value());
  EXPECT_FALSE(operation.unsupported(variant, problem, {10, 3}).has_value());
  const auto volta = operation.unsupported(variant, problem, {7, 0});
  ASSERT_TRUE(volta.has_value());
  EXPECT_EQ(volta->reason, "needs compute capability 8.0 or newer, found 7.0");
}

}  // namespace
}  // namespace rackproof::kernels::attention

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_plan.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace rackproof::kernels::gemm {
namespace {

const SizingContext kGb300{.cc = {10, 3},
                           .multiprocessors = 152,
                           .memory_bytes = std::uint64_t{276} << 30,
                           .l2_bytes = std::uint64_t{126} << 20,
                           .shared_memory_per_block_bytes = 227 << 10,
                           .gpus = 72,
                           .gpus_per_node = 4};

std::vector<PlannedProblem> plan(ParamMap params) {
  ParamReader reader(std::move(params));
  auto problems = gemm_operation().plan(reader, kGb300);
  reader.finish();
  return problems;
}

std::string only_name(const std::vector<PlannedProblem>& problems) {
  return problems.size() == 1 ? problems[0].problem->name()
                              : std::to_string(problems.size()) + " problems";
}

TEST(GemmPlan, FillsWholeWavesOfTheTensorTile) {
  const auto problems = plan({{"shape", std::string("square_waves")},
                              {"waves", std::int64_t{1}},
                              {"k", std::int64_t{64}}});
  // 76 = 4 x 19 tiles of a pair of SMs: the split nearest to a square.
  EXPECT_EQ(only_name(problems), "gemm/bf16/m1024n4864k64");
  EXPECT_EQ(problems.at(0).reason, "1 full wave: 76 tiles of 256x256 on 152 SMs, each on 2");
}

TEST(GemmPlan, CountsBothResidentBlocksOfTheFp32Tile) {
  const auto problems = plan({{"shape", std::string("square_waves")},
                              {"type", std::string("fp32")},
                              {"waves", std::int64_t{2}},
                              {"k", std::int64_t{64}}});
  EXPECT_EQ(problems.at(0).reason,
            "2 full waves: 608 tiles of 128x128 on 152 SMs, 2 at a time on each");
}

TEST(GemmPlan, FillsWavesOfEveryTypesTile) {
  for (const auto& [type, name] :
       std::vector<std::pair<std::string, std::string>>{{"tf32", "gemm/tf32/m1024n4864k64"},
                                                        {"int8", "gemm/int8/m2432n2048k64"},
                                                        {"fp8_e4m3", "gemm/fp8_e4m3/m1024n4864k64"},
                                                        {"fp64", "gemm/fp64/m2048n1216k64"}}) {
    EXPECT_EQ(
        only_name(plan(
            {{"shape", std::string("square_waves")}, {"type", type}, {"k", std::int64_t{64}}})),
        name);
  }
  EXPECT_THROW((void)plan({{"shape", std::string("square_waves")}, {"type", std::string("int32")}}),
               ParamError);
}

TEST(GemmPlan, MakesOneProblemForEachTypeAndWave) {
  const auto problems = plan({{"shape", std::string("square_waves")},
                              {"type", std::vector<std::string>{"bf16", "fp16", "fp32"}},
                              {"waves", std::vector<std::int64_t>{1, 4}}});
  EXPECT_EQ(problems.size(), 6U);
}

TEST(GemmPlan, ExplicitShapesCarryTheScalars) {
  EXPECT_EQ(only_name(plan({{"shape", std::string("explicit")},
                            {"m", std::int64_t{1}},
                            {"n", std::int64_t{2}},
                            {"k", std::int64_t{3}},
                            {"alpha", 2.0},
                            {"beta", 0.5},
                            {"type", std::string("fp16")}})),
            "gemm/fp16/m1n2k3/alpha2/beta0.5");
}

TEST(GemmPlan, ShardsModelLayersOverTheJob) {
  const auto problems = plan({{"shape", std::string("model_layer")},
                              {"model", std::string("llama-3.1-405b")},
                              {"layer", std::string("ffn_down")},
                              {"tokens", std::int64_t{4096}},
                              {"shards", std::string("job")}});
  EXPECT_EQ(only_name(problems), "gemm/bf16/m4096n16384k744");
  EXPECT_NE(problems.at(0).reason.find("1 of 72 shards"), std::string::npos);
  EXPECT_EQ(only_name(plan({{"shape", std::string("model_layer")},
                            {"model", std::string("llama-3.1-405b")},
                            {"layer", std::string("ffn_down")},
                            {"shards", std::int64_t{4}}})),
            "gemm/bf16/m4096n16384k13312");
}

TEST(GemmPlan, FillsAShareOfMemoryAndNoMore) {
  const auto problems = plan({{"shape", std::string("memory_share")}, {"share", 0.25}});
  ASSERT_EQ(problems.size(), 1U);
  const double allowed = 0.25 * static_cast<double>(kGb300.memory_bytes);
  const auto used = static_cast<double>(problems[0].problem->footprint_bytes());
  EXPECT_LE(used, allowed);
  EXPECT_GT(used, 0.98 * allowed);
  EXPECT_EQ(problems[0].reason,
            "largest square whose matrices fill 25 % of 276 GiB of free device memory");
}

TEST(GemmPlan, RejectsWhatItDoesNotKnow) {
  EXPECT_THROW((void)plan({{"shape", std::string("round")}}), ParamError);
  EXPECT_THROW((void)plan({{"shape", std::string("memory_share")}, {"share", 0.0}}), ParamError);
  EXPECT_THROW((void)plan({{"shape", std::string("memory_share")}, {"share", 1e-12}}), ParamError);
  EXPECT_THROW((void)plan({{"shape", std::string("square_waves")}, {"waves", std::int64_t{0}}}),
               ParamError);
  EXPECT_THROW((void)plan({{"shape", std::string("model_layer")},
                           {"model", std::string("llama-3.1-8b")},
                           {"shards", std::string("all")}}),
               ParamError);
  EXPECT_THROW((void)plan({{"shape", std::string("square_waves")}, {"wave", std::int64_t{1}}}),
               ParamError);
}

/// On every device of the list a wave is exactly the tiles that fit at once.
TEST(FullWaves, KeepsTheTileCountOnEveryDevice) {
  const WaveTile tile{.m = 128, .n = 256, .blocks_per_sm = 1};
  for (const int multiprocessors : {108, 132, 148, 152, 160}) {
    for (const std::int64_t waves : {1, 2, 3}) {
      const GemmShape shape = full_waves(tile, multiprocessors, waves);
      EXPECT_EQ(shape.m % tile.m, 0);
      EXPECT_EQ(shape.n % tile.n, 0);
      EXPECT_EQ(shape.m / tile.m * (shape.n / tile.n), waves * multiprocessors);
    }
  }
}

}  // namespace
}  // namespace rackproof::kernels::gemm

#include "harness/plan/plan.hpp"

#include "harness/config/error.hpp"
#include "harness/plan/message_sizes.hpp"
#include "harness/topology/hypothetical.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace rackproof::harness::plan {
namespace {

using testing::message_of;

std::filesystem::path config_file(const std::string& name) {
  return std::filesystem::path(RACKPROOF_SOURCE_DIR) / "configs" / name;
}

topology::Topology trays(int count) {
  return topology::hypothetical(topology::read_rack_facts(config_file("racks/gb300-nvl72.json")),
                                count);
}

Suite all_reduce_suite(CollectiveRequest request) {
  Suite suite;
  suite.name = "t";
  request.collective = "all_reduce";
  if (request.types.empty()) {
    request.types = {"float32"};
  }
  request.reductions = {"sum"};
  if (request.placements.empty()) {
    request.placements = {"in_place"};
  }
  if (request.scopes.empty()) {
    request.scopes = {"all"};
  }
  request.place = "t.json#/collectives/0";
  suite.collectives.push_back(request);
  return suite;
}

std::vector<std::string> names(const Plan& plan) {
  std::vector<std::string> result;
  for (const PlannedBenchmark& benchmark : plan.benchmarks) {
    result.push_back(benchmark.name);
  }
  return result;
}

TEST(MessageSizes, RunFromMinimumToExactlyTheMaximum) {
  const auto sizes = message_sizes(8, 1000, 4, "why");
  std::vector<std::uint64_t> bytes;
  for (const MessageSize& size : sizes) {
    bytes.push_back(size.bytes);
  }
  // 512 is nearer to 1000 than half a step of 4.
  EXPECT_EQ(bytes, (std::vector<std::uint64_t>{8, 32, 128, 1000}));
  EXPECT_EQ(sizes.back().reason, "largest message: why");
  EXPECT_EQ(message_sizes(8, 8, 2, "").size(), 1U);
  EXPECT_TRUE(message_sizes(16, 8, 2, "").empty());
}

TEST(MessageSizes, FormatsBinaryUnits) {
  EXPECT_EQ(format_bytes(8), "8 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{1} << 31), "2 GiB");
}

TEST(Plan, ModelShardsFollowTheNumberOfGpus) {
  Suite suite;
  suite.name = "t";
  suite.operations.push_back({"gemm",
                              {{"shape", std::string("model_layer")},
                               {"model", std::string("llama-3.1-70b")},
                               {"layer", std::string("ffn_down")}},
                              "t.json#/operations/0/params"});
  // K of ffn_down is 28672 split over the job's GPUs; 72 does not divide it.
  const auto k_of = [&](int count) {
    const kernels::ParamMap params =
        std::get<OperationBenchmark>(make_plan(suite, trays(count)).benchmarks.at(0).what)
            .problem->params();
    return std::get<std::int64_t>(params.at("k"));
  };
  EXPECT_EQ(k_of(1), 28672 / 4);
  EXPECT_EQ(k_of(16), 28672 / 64);
  EXPECT_GE(k_of(18), 28672 / 72);
  EXPECT_LT(k_of(18), k_of(16));
}

TEST(Plan, WavesFollowTheMultiprocessors) {
  Suite suite;
  suite.operations.push_back({"gemm",
                              {{"shape", std::string("square_waves")},
                               {"waves", std::int64_t{1}},
                               {"k", std::int64_t{64}}},
                              "p"});
  const Plan plan = make_plan(suite, trays(1));
  ASSERT_EQ(plan.benchmarks.size(), 1U);
  EXPECT_NE(plan.benchmarks[0].reason.find("152 SMs"), std::string::npos)
      << plan.benchmarks[0].reason;
}

TEST(Plan, ShippedSuitesFitEveryRackAndAreEqualOnAllRanks) {
  for (const char* suite_name : {"smoke", "acceptance"}) {
    const Suite suite = read_suite(config_file("suites/" + std::string(suite_name) + ".json"));
    for (const auto& rack : std::filesystem::directory_iterator(config_file("racks"))) {
      const topology::Topology topology =
          topology::hypothetical(topology::read_rack_facts(rack.path()), 1);
      const Plan plan = make_plan(suite, topology);
      EXPECT_EQ(names(plan), names(make_plan(suite, topology)));
      const kernels::ComputeCapability cc = topology.gpu(0).cc;
      const bool has_fp8 = cc >= kernels::ComputeCapability{8, 9};
      const bool has_block_scales = cc.major == 10;
      for (const PlannedBenchmark& benchmark : plan.benchmarks) {
        const bool needs_fp8 = benchmark.name.starts_with("gemm/fp8");
        const bool needs_block_scales =
            benchmark.name.starts_with("gemm/mxfp") || benchmark.name.starts_with("gemm/nvfp4");
        EXPECT_EQ(benchmark.cannot_run.has_value(),
                  (needs_fp8 && !has_fp8) || (needs_block_scales && !has_block_scales))
            << rack.path() << benchmark.name;
        EXPECT_FALSE(benchmark.reason.empty()) << benchmark.name;
      }
    }
  }
}

TEST(Plan, ARangeOfSizesWithoutAnElementIsRefused) {
  CollectiveRequest request;
  request.min_bytes = 1;
  request.max_bytes = 2;
  EXPECT_EQ(message_of<config::ConfigError>(
                [&] { static_cast<void>(make_plan(all_reduce_suite(request), trays(1))); }),
            "t.json#/collectives/0: sizes from 1 B to 2 B by the suite hold no message of float32 "
            "elements (4 B each)");
  request.types = {"bfloat16"};
  EXPECT_EQ(make_plan(all_reduce_suite(request), trays(1)).benchmarks.size(), 1U);
}

TEST(Plan, LargestMessageIsAShareOfMemoryOverItsBuffers) {
  CollectiveRequest request;
  request.max_memory_share = 0.1;
  request.min_bytes = std::uint64_t{1} << 30;
  request.factor = 1024;
  request.placements = {"in_place", "out_of_place"};
  const topology::Topology topology = trays(1);
  const Plan plan = make_plan(all_reduce_suite(request), topology);
  const double memory = static_cast<double>(topology.gpu(0).free_memory_bytes);
  std::vector<double> largest;
  for (const PlannedBenchmark& benchmark : plan.benchmarks) {
    if (benchmark.reason.find("largest") != std::string::npos) {
      largest.push_back(static_cast<double>(std::get<CollectiveBenchmark>(benchmark.what).bytes));
    }
  }
  ASSERT_EQ(largest.size(), 2U);
  EXPECT_NEAR(largest[0], 0.1 * memory, 16);
  EXPECT_NEAR(largest[1], 0.05 * memory, 16);
}

TEST(Plan, ScopesThatHaveTheSameRanksArePlannedOnce) {
  CollectiveRequest request;
  request.max_bytes = 8;
  request.scopes = {"node", "rack", "all"};
  EXPECT_EQ(names(make_plan(all_reduce_suite(request), trays(1))),
            std::vector<std::string>{"all_reduce/node/float32/sum/in_place/8"});
  EXPECT_EQ(names(make_plan(all_reduce_suite(request), trays(2))),
            (std::vector<std::string>{"all_reduce/node/float32/sum/in_place/8",
                                      "all_reduce/rack/float32/sum/in_place/8"}));
  const topology::Topology two_domains =
      topology::hypothetical(topology::read_rack_facts(config_file("racks/dgx-h100.json")), 2);
  EXPECT_EQ(two_domains.racks.size(), 2U);
  EXPECT_EQ(names(make_plan(all_reduce_suite(request), two_domains)),
            (std::vector<std::string>{"all_reduce/node/float32/sum/in_place/8",
                                      "all_reduce/all/float32/sum/in_place/8"}));
}

TEST(Plan, OneRankCannotRunACollective) {
  topology::Topology one = trays(1);
  one.racks[0].nodes[0].gpus.resize(1);
  one.places.resize(1);
  CollectiveRequest request;
  request.max_bytes = 8;
  const Plan plan = make_plan(all_reduce_suite(request), one);
  ASSERT_EQ(plan.benchmarks.size(), 1U);
  EXPECT_NE(plan.benchmarks[0].cannot_run.value_or("").find("one rank"), std::string::npos);
}

TEST(Plan, WhatDoesNotFitCannotRun) {
  Suite suite;
  suite.operations.push_back(
      {"memory", {{"pattern", std::string("copy")}, {"bytes", std::int64_t{1} << 40}}, "p"});
  const Plan plan = make_plan(suite, trays(1));
  EXPECT_NE(plan.benchmarks.at(0).cannot_run.value_or("").find("of device memory, free are"),
            std::string::npos);
}

TEST(Plan, EqualProblemsArePlannedOnceWithBothReasons) {
  Suite suite;
  const kernels::ParamMap copy{{"pattern", std::string("copy")}, {"bytes", std::int64_t{1024}}};
  suite.operations.push_back({"memory", copy, "a"});
  suite.operations.push_back({"memory", copy, "b"});
  EXPECT_EQ(make_plan(suite, trays(1)).benchmarks.size(), 1U);
}

TEST(Plan, RefusedParametersNameTheirPlace) {
  Suite suite;
  suite.operations.push_back({"memory",
                              {{"patern", std::string("copy")}, {"bytes", std::int64_t{8}}},
                              "t.json#/operations/0/params"});
  const std::string message =
      message_of<config::ConfigError>([&] { static_cast<void>(make_plan(suite, trays(1))); });
  EXPECT_TRUE(message.starts_with("t.json#/operations/0/params/patern: ")) << message;
  EXPECT_NE(message.find("'pattern'"), std::string::npos) << message;
}

TEST(Plan, FilterKeepsWhatMatches) {
  CollectiveRequest request;
  request.max_bytes = 512;
  request.factor = 8;
  Plan plan = make_plan(all_reduce_suite(request), trays(1));
  keep_matching(plan, "/(8|512)$");
  EXPECT_EQ(plan.benchmarks.size(), 2U);
  keep_matching(plan, "nothing");
  EXPECT_TRUE(plan.benchmarks.empty());
  EXPECT_NE(message_of<config::ConfigError>([&] {
              keep_matching(plan, "(");
            }).find("not a regular expression"),
            std::string::npos);
}

TEST(Hypothetical, RefusesMoreTraysThanTheRackHas) {
  EXPECT_NE(message_of<config::ConfigError>([] { static_cast<void>(trays(19)); }).find("1 to 18"),
            std::string::npos);
  EXPECT_EQ(trays(18).gpus(), 72);
}

TEST(SpareSharedCores, TakesOneSampleWhereManyEmulatedRanksShareACore) {
  Plan plan;
  const Statistics before = plan.statistics;
  spare_shared_cores(plan, kManyRanksPerCore);
  EXPECT_EQ(plan.statistics.max_samples, before.max_samples);
  EXPECT_TRUE(plan.notes.empty());
  spare_shared_cores(plan, 36);
  EXPECT_EQ(plan.statistics.warmup, 0);
  EXPECT_EQ(plan.statistics.min_samples, 1);
  EXPECT_EQ(plan.statistics.max_samples, 1);
  ASSERT_EQ(plan.notes.size(), 1U);
  EXPECT_TRUE(plan.notes.front().starts_with("36 emulated ranks share each core"));
}

}  // namespace
}  // namespace rackproof::harness::plan

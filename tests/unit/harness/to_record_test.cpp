#include "harness/measure/to_record.hpp"

#include "harness/plan/plan.hpp"
#include "harness/record/json_io.hpp"
#include "harness/topology/hypothetical.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::measure {
namespace {

/// Two trays of a GB300 rack: ranks 0-3 and 4-7.
class ToRecord : public ::testing::Test {
 protected:
  static plan::Plan plan_of(const plan::Suite& suite, const topology::Topology& topology) {
    return plan::make_plan(suite, topology);
  }

  plan::PlannedBenchmark copy(std::int64_t bytes) const {
    plan::Suite suite;
    suite.operations.push_back(
        {"memory", {{"pattern", std::string("copy")}, {"bytes", bytes}}, "p"});
    return plan_of(suite, topology_).benchmarks.at(0);
  }
  plan::PlannedBenchmark all_reduce(const std::string& scope, std::uint64_t bytes) const {
    plan::Suite suite;
    plan::CollectiveRequest request;
    request.collective = "all_reduce";
    request.types = {"float32"};
    request.reductions = {"sum"};
    request.placements = {"in_place"};
    request.scopes = {scope};
    request.min_bytes = bytes;
    request.max_bytes = bytes;
    suite.collectives.push_back(request);
    return plan_of(suite, topology_).benchmarks.at(0);
  }

  static RankMeasurement measured(std::vector<double> samples_s) {
    RankMeasurement rank;
    rank.samples_s = std::move(samples_s);
    rank.throttled_samples = std::vector<std::size_t>{};
    kernels::Verification verification;
    verification.passed = true;
    verification.checked_elements = verification.total_elements = 8;
    verification.measure = "exact";
    rank.verification = verification;
    return rank;
  }

  /// `benchmark` in a record that is written and read again: it must be valid.
  void expect_valid(const record::Benchmark& benchmark) const {
    record::Record record;
    record.run.id = record.run.suite = "t";
    record.run.started_at = "2026-11-22T01:45:00Z";
    record.run.command = {"rackproof"};
    record.run.build = {"0.1", std::string("abc"), false, "Release", "GNU 12", "nvcc 13"};
    record.software.architecture = "x86_64";
    record.topology = topology_;
    record.rack_model = facts_;
    record.benchmarks.push_back(benchmark);
    const record::Record again = record::from_json(record::to_json(record), "test");
    EXPECT_EQ(again.benchmarks.at(0).name, benchmark.name);
  }

  record::Reported<topology::RackFacts> facts_ = topology::read_rack_facts(
      std::string(RACKPROOF_SOURCE_DIR) + "/configs/racks/gb300-nvl72.json");
  topology::Topology topology_ = topology::hypothetical(*facts_, 2);
  RecordContext context_{&topology_, &facts_, record::Basis::measured, true};
};

TEST_F(ToRecord, ThroughputIsWorkOverMedianAndRollsUp) {
  Measurement measurement;
  for (int rank = 0; rank < 8; ++rank) {
    measurement.ranks.push_back(measured({1e-3, 1e-3, 9e-3}));  // an outlier does not count
  }
  measurement.ranks[5].samples_s = {2e-3, 2e-3, 2e-3};
  const record::Benchmark benchmark = to_record(copy(1'000'000'000), measurement, context_);
  EXPECT_EQ(benchmark.status, record::Status::ok);
  EXPECT_EQ(benchmark.operation, "memory");
  ASSERT_EQ(benchmark.gpus.size(), 8U);
  // Copy reads and writes: 2 GB in 1 ms.
  EXPECT_DOUBLE_EQ(benchmark.gpus[0].throughput->value, 2000);
  EXPECT_EQ(benchmark.gpus[0].throughput->unit, "GB/s");
  EXPECT_DOUBLE_EQ(benchmark.gpus[5].throughput->value, 1000);
  ASSERT_EQ(benchmark.nodes.size(), 2U);
  EXPECT_DOUBLE_EQ(*benchmark.nodes[0].throughput->sum, 8000);
  EXPECT_DOUBLE_EQ(*benchmark.nodes[1].throughput->sum, 7000);
  EXPECT_EQ(benchmark.nodes[1].slowest->rank, 5);
  EXPECT_DOUBLE_EQ(*benchmark.racks.at(0).throughput->sum, 15000);
  EXPECT_EQ(*benchmark.racks[0].slowest, benchmark.nodes[1].node);
  EXPECT_DOUBLE_EQ(benchmark.roofline->peak, 8000);
  EXPECT_DOUBLE_EQ(*benchmark.gpus[0].attainment, 0.25);
  expect_valid(benchmark);
}

TEST_F(ToRecord, AWrongElementNamesItsGpu) {
  Measurement measurement;
  for (int rank = 0; rank < 8; ++rank) {
    measurement.ranks.push_back(measured({1e-3}));
  }
  kernels::Verification wrong = *measurement.ranks[6].verification;
  wrong.passed = false;
  wrong.wrong_elements = 1;
  wrong.first_wrong = kernels::WrongElement{4, "element 4", 1, 3};
  measurement.ranks[6].verification = wrong;
  const record::Benchmark benchmark = to_record(copy(64), measurement, context_);
  EXPECT_EQ(benchmark.status, record::Status::wrong);
  EXPECT_EQ(benchmark.status_reason,
            "1 of 8 elements wrong on node gb300-nvl72/tray1 GPU 2 (rank 6); first: element 4 "
            "(element 4) is 3, expected 1");
  expect_valid(benchmark);
}

TEST_F(ToRecord, TheCacheMethodStatesOneBufferSet) {
  Measurement measurement;
  for (int rank = 0; rank < 8; ++rank) {
    measurement.ranks.push_back(measured({1e-3}));
    measurement.ranks.back().buffer_sets = 13;
  }
  // Copy: 10 MiB read and 10 MiB written.
  const record::Benchmark kernel = to_record(copy(10 << 20), measurement, context_);
  EXPECT_EQ(kernel.cache, record::CacheState::cold);
  EXPECT_EQ(kernel.cache_method, "13 buffer sets of 20 MiB in turn, the L2 holds 126 MiB");
  // Multiples of 256 bytes, the alignment of an allocation.
  EXPECT_EQ(to_record(all_reduce("rack", 1000), measurement, context_).cache_method,
            "13 buffer sets of 1 KiB in turn, the L2 holds 126 MiB");
  plan::PlannedBenchmark out_of_place = all_reduce("rack", 1000);
  std::get<plan::CollectiveBenchmark>(out_of_place.what).placement = "out_of_place";
  EXPECT_EQ(to_record(out_of_place, measurement, context_).cache_method,
            "13 buffer sets of 2 KiB in turn, the L2 holds 126 MiB");
}

TEST_F(ToRecord, OneUnverifiedRankLeavesTheBenchmarkUnverified) {
  Measurement measurement;
  for (int rank = 0; rank < 8; ++rank) {
    measurement.ranks.push_back(measured({1e-3}));
  }
  measurement.ranks[0].verification = record::Reported<kernels::Verification>::missing("no reply");
  const record::Benchmark collective = to_record(all_reduce("node", 64), measurement, context_);
  EXPECT_EQ(collective.status, record::Status::failed);
  EXPECT_EQ(collective.status_reason,
            "not verified on node gb300-nvl72/tray0 GPU 0 (rank 0): no reply");
  ASSERT_EQ(collective.communicators.size(), 2U);
  EXPECT_EQ(collective.communicators[0].verified.reason(), "no reply");
  EXPECT_EQ(collective.communicators[0].wrong_elements.reason(), "no reply");
  EXPECT_TRUE(*collective.communicators[1].verified);
  expect_valid(collective);
  const record::Benchmark kernel = to_record(copy(64), measurement, context_);
  EXPECT_EQ(kernel.status, record::Status::failed);
  expect_valid(kernel);
  // What is known to be wrong weighs more than what is not known.
  kernels::Verification wrong = *measurement.ranks[7].verification;
  wrong.passed = false;
  measurement.ranks[7].verification = wrong;
  EXPECT_EQ(to_record(copy(64), measurement, context_).status, record::Status::wrong);
}

TEST_F(ToRecord, AZeroTimeIsMissingAndNotInfinite) {
  Measurement measurement;
  for (int rank = 0; rank < 8; ++rank) {
    measurement.ranks.push_back(measured({0.0, 0.0}));
  }
  const record::Benchmark benchmark = to_record(copy(64), measurement, context_);
  EXPECT_FALSE(benchmark.gpus[0].throughput);
  EXPECT_FALSE(benchmark.racks[0].throughput);
  expect_valid(benchmark);
}

TEST_F(ToRecord, ACollectivesTimeIsTheSlowestRankPerSample) {
  Measurement measurement;
  for (int rank = 0; rank < 8; ++rank) {
    measurement.ranks.push_back(measured({1e-3, 1e-3, 1e-3}));
  }
  measurement.ranks[2].samples_s = {4e-3, 1e-3, 1e-3};
  measurement.ranks[7].samples_s = {1e-3, 2e-3, 1e-3};
  const record::Benchmark benchmark =
      to_record(all_reduce("rack", 1'000'000), measurement, context_);
  ASSERT_EQ(benchmark.communicators.size(), 1U);
  const record::CommunicatorResult& rack = benchmark.communicators[0];
  EXPECT_EQ(rack.samples_s, (std::vector<double>{4e-3, 2e-3, 1e-3}));
  EXPECT_DOUBLE_EQ(rack.time_s->median, 2e-3);
  EXPECT_DOUBLE_EQ(rack.algbw->value, 0.5);
  EXPECT_DOUBLE_EQ(rack.busbw->value, 0.5 * 2 * 7 / 8);  // 2 (n - 1) / n
  EXPECT_DOUBLE_EQ(benchmark.gpus[0].throughput->value, rack.busbw->value);
  EXPECT_TRUE(*rack.verified);
  expect_valid(benchmark);
}

TEST_F(ToRecord, EachNodeHasItsOwnCommunicator) {
  Measurement measurement;
  for (int rank = 0; rank < 8; ++rank) {
    measurement.ranks.push_back(measured({rank < 4 ? 1e-3 : 2e-3}));
  }
  const record::Benchmark benchmark =
      to_record(all_reduce("node", 1'000'000), measurement, context_);
  ASSERT_EQ(benchmark.communicators.size(), 2U);
  EXPECT_DOUBLE_EQ(benchmark.communicators[0].algbw->value, 1.0);
  EXPECT_DOUBLE_EQ(benchmark.communicators[1].algbw->value, 0.5);
  EXPECT_EQ(benchmark.communicators[1].ranks.front().gpu.rank, 4);
}

TEST_F(ToRecord, TheBaselineIsComparedByMedians) {
  Measurement measurement;
  for (int rank = 0; rank < 8; ++rank) {
    measurement.ranks.push_back(measured({2e-3}));
    measurement.ranks.back().baseline = BaselineMeasurement{"library", {1e-3}};
  }
  const record::Benchmark benchmark = to_record(copy(1'000'000), measurement, context_);
  EXPECT_DOUBLE_EQ(benchmark.baseline->ratio, 0.5);
  EXPECT_EQ(benchmark.baseline->library, "library");
  measurement.ranks[3].baseline = record::Reported<BaselineMeasurement>::missing("none here");
  EXPECT_EQ(to_record(copy(1'000'000), measurement, context_).baseline.reason(), "none here");
}

TEST_F(ToRecord, FailureAndNotRunHaveReasonsAndNoFigures) {
  Measurement failed;
  failed.failure = "rank 3: out of memory";
  const record::Benchmark benchmark = to_record(copy(64), failed, context_);
  EXPECT_EQ(benchmark.status, record::Status::failed);
  EXPECT_EQ(benchmark.status_reason, "rank 3: out of memory");
  EXPECT_TRUE(benchmark.gpus.empty());
  EXPECT_FALSE(benchmark.racks.at(0).throughput);
  expect_valid(benchmark);
  const record::Benchmark skipped = not_run(copy(64), "no time", context_);
  EXPECT_EQ(skipped.status, record::Status::not_run);
  expect_valid(skipped);
}

}  // namespace
}  // namespace rackproof::harness::measure

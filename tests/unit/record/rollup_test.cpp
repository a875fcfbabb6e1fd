#include "harness/record/rollup.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rackproof::harness::record {
namespace {

/// One rack "r" of `nodes` nodes "n0", "n1", ... with two GPUs each.
topology::Topology two_gpus_a_node(int nodes) {
  topology::Topology result;
  topology::Rack rack;
  rack.id = "r";
  int rank = 0;
  for (int n = 0; n < nodes; ++n) {
    topology::Node node;
    node.id = "n" + std::to_string(n);
    for (int device = 0; device < 2; ++device) {
      topology::Gpu gpu;
      gpu.device = device;
      gpu.rank = rank++;
      result.places.push_back({0, static_cast<std::size_t>(n), node.gpus.size()});
      node.gpus.push_back(gpu);
    }
    rack.nodes.push_back(node);
  }
  result.racks.push_back(rack);
  return result;
}

Benchmark with_rates(const topology::Topology& topology, const std::vector<double>& rates) {
  Benchmark result;
  result.name = "b";
  for (std::size_t rank = 0; rank < rates.size(); ++rank) {
    GpuResult gpu;
    gpu.gpu = gpu_ref(topology, static_cast<int>(rank));
    gpu.throughput = Throughput{rates[rank], kTflops, Basis::modelled};
    result.gpus.push_back(gpu);
  }
  return result;
}

TEST(RollUp, SumsGpusToNodesAndNodesToRacks) {
  const topology::Topology topology = two_gpus_a_node(2);
  Benchmark benchmark = with_rates(topology, {10, 12, 9, 15});
  roll_up(benchmark, topology);

  ASSERT_EQ(benchmark.nodes.size(), 2U);
  const Aggregate& first = *benchmark.nodes[0].throughput;
  EXPECT_DOUBLE_EQ(*first.sum, 22);
  EXPECT_DOUBLE_EQ(first.min, 10);
  EXPECT_DOUBLE_EQ(first.median, 11);
  EXPECT_DOUBLE_EQ(first.max, 12);
  EXPECT_EQ(first.unit, kTflops);
  EXPECT_EQ(first.basis, Basis::modelled);
  EXPECT_EQ(first.members, 2U);
  EXPECT_EQ(benchmark.nodes[1].slowest->rank, 2);

  ASSERT_EQ(benchmark.racks.size(), 1U);
  const Aggregate& rack = *benchmark.racks[0].throughput;
  EXPECT_DOUBLE_EQ(*rack.sum, 46);
  EXPECT_DOUBLE_EQ(rack.min, 22);
  EXPECT_DOUBLE_EQ(rack.median, 23);
  EXPECT_DOUBLE_EQ(rack.max, 24);
  EXPECT_EQ(rack.members, 2U);
  EXPECT_EQ(*benchmark.racks[0].slowest, "n0");
}

TEST(RollUp, LatenciesDoNotAddUpAndTheLongestIsTheSlowest) {
  const topology::Topology topology = two_gpus_a_node(2);
  Benchmark benchmark = with_rates(topology, {10, 12, 9, 17});
  benchmark.better = Better::lower;
  roll_up(benchmark, topology);
  const Aggregate& first = *benchmark.nodes[0].throughput;
  EXPECT_FALSE(first.sum);
  EXPECT_EQ(first.sum.reason(), "latencies do not add up");
  EXPECT_DOUBLE_EQ(first.median, 11);
  EXPECT_DOUBLE_EQ(representative(first), 11);
  EXPECT_EQ(benchmark.nodes[0].slowest->rank, 1);
  const Aggregate& rack = *benchmark.racks[0].throughput;
  EXPECT_FALSE(rack.sum);
  EXPECT_DOUBLE_EQ(rack.min, 11) << "over the medians of the nodes";
  EXPECT_DOUBLE_EQ(rack.max, 13);
  EXPECT_EQ(*benchmark.racks[0].slowest, "n1");
}

TEST(RollUp, EachRackSumsItsOwnNodes) {
  topology::Topology topology = two_gpus_a_node(2);
  topology::Rack second;
  second.id = "s";
  second.nodes.push_back(topology.racks[0].nodes.back());
  topology.racks[0].nodes.pop_back();
  topology.racks.push_back(second);
  topology.places[2] = {1, 0, 0};
  topology.places[3] = {1, 0, 1};
  Benchmark benchmark = with_rates(topology, {10, 12, 9, 15});
  roll_up(benchmark, topology);
  ASSERT_EQ(benchmark.racks.size(), 2U);
  EXPECT_DOUBLE_EQ(*benchmark.racks[0].throughput->sum, 22);
  EXPECT_DOUBLE_EQ(*benchmark.racks[1].throughput->sum, 24);
  EXPECT_EQ(*benchmark.racks[1].slowest, "n1");
}

TEST(RollUp, AMissingFigureIsNeverAPartialSum) {
  const topology::Topology topology = two_gpus_a_node(2);
  Benchmark benchmark = with_rates(topology, {10, 12, 9, 15});
  benchmark.gpus[3].throughput = Reported<Throughput>::missing("its result is wrong");
  roll_up(benchmark, topology);

  EXPECT_DOUBLE_EQ(*benchmark.nodes[0].throughput->sum, 22);
  EXPECT_FALSE(benchmark.nodes[1].throughput);
  EXPECT_EQ(benchmark.nodes[1].throughput.reason(),
            "no figure from GPU 1 (rank 3): its result is wrong");
  EXPECT_FALSE(benchmark.racks[0].throughput);
  EXPECT_EQ(benchmark.racks[0].throughput.reason(),
            "node n1: no figure from GPU 1 (rank 3): its result is wrong");
  EXPECT_FALSE(benchmark.racks[0].slowest);
}

TEST(RollUp, AGpuWithoutAResultIsMissingToo) {
  const topology::Topology topology = two_gpus_a_node(1);
  Benchmark benchmark = with_rates(topology, {10});
  roll_up(benchmark, topology);
  EXPECT_EQ(benchmark.nodes[0].throughput.reason(),
            "no figure from GPU 1 (rank 1): it gave no result");
}

TEST(RollUp, WhatWasNotRunSaysSoAtEachLevel) {
  const topology::Topology topology = two_gpus_a_node(1);
  Benchmark benchmark;
  benchmark.status = Status::not_run;
  benchmark.status_reason = "no variant";
  roll_up(benchmark, topology);
  EXPECT_EQ(benchmark.racks[0].throughput.reason(),
            "node n0: no figure from GPU 0 (rank 0): no variant");
}

TEST(RollUp, MixedUnitsAreABug) {
  const topology::Topology topology = two_gpus_a_node(1);
  Benchmark benchmark = with_rates(topology, {10, 12});
  benchmark.gpus[1].throughput = Throughput{12, kGbPerS, Basis::modelled};
  EXPECT_THROW(roll_up(benchmark, topology), InvalidRecord);
  benchmark.gpus[1].throughput = Throughput{12, kTflops, Basis::measured};
  EXPECT_THROW(roll_up(benchmark, topology), InvalidRecord);
}

CommunicatorResult communicator(const std::string& scope, const topology::Topology& topology,
                                const std::vector<int>& ranks, double busbw, double wire) {
  CommunicatorResult result;
  result.scope = scope;
  for (const int rank : ranks) {
    result.ranks.push_back({gpu_ref(topology, rank), 1e-3});
  }
  result.busbw = Throughput{busbw, kGbPerS, Basis::modelled};
  result.wire = Throughput{wire, kGbPerS, Basis::modelled};
  return result;
}

TEST(Collective, EveryMemberHasItsCommunicatorsBusbw) {
  const topology::Topology topology = two_gpus_a_node(2);
  Benchmark benchmark = with_rates(topology, {0, 0, 0, 0});
  benchmark.communicators = {communicator("node", topology, {0, 1}, 400, 300),
                             communicator("node", topology, {2, 3}, 500, 310)};
  take_busbw_from_communicators(benchmark);
  roll_up(benchmark, topology);
  EXPECT_DOUBLE_EQ(benchmark.gpus[1].throughput->value, 400);
  EXPECT_DOUBLE_EQ(*benchmark.nodes[0].throughput->sum, 800);
  EXPECT_DOUBLE_EQ(benchmark.nodes[1].throughput->min, 500);
  EXPECT_DOUBLE_EQ(*benchmark.racks[0].throughput->sum, 1800);
}

TEST(Collective, TheWidestCommunicatorCounts) {
  const topology::Topology topology = two_gpus_a_node(1);
  Benchmark benchmark = with_rates(topology, {0, 0});
  benchmark.communicators = {communicator("all", topology, {0, 1}, 700, 350),
                             communicator("node", topology, {0, 1}, 400, 300)};
  take_busbw_from_communicators(benchmark);
  EXPECT_DOUBLE_EQ(benchmark.gpus[0].throughput->value, 700);
}

TEST(Collective, AttainmentIsWhatTheLinkCarriesAtLeast) {
  const topology::Topology topology = two_gpus_a_node(1);
  Benchmark benchmark = with_rates(topology, {0, 0});
  benchmark.communicators = {communicator("all", topology, {0, 1}, 930, 450)};
  benchmark.roofline = Roofline{900, kGbPerS, "link", "s", {}, Basis::modelled};
  take_busbw_from_communicators(benchmark);
  fill_attainment(benchmark);
  EXPECT_DOUBLE_EQ(*benchmark.gpus[0].attainment, 0.5);
  EXPECT_DOUBLE_EQ(benchmark.roofline->attainment->median, 0.5);
  benchmark.communicators[0].busbw = Throughput{270, kGbPerS, Basis::modelled};
  fill_attainment(benchmark);
  EXPECT_DOUBLE_EQ(*benchmark.gpus[0].attainment, 0.3);
  benchmark.communicators[0].wire = Reported<Throughput>::missing("no model of it");
  fill_attainment(benchmark);
  EXPECT_DOUBLE_EQ(*benchmark.gpus[0].attainment, 0.3);
}

TEST(Collective, OfOneRankHasNoFigureAndNoAttainment) {
  const topology::Topology topology = two_gpus_a_node(1);
  Benchmark benchmark = with_rates(topology, {0, 0});
  benchmark.communicators = {communicator("all", topology, {0, 1}, 0, 0)};
  benchmark.communicators[0].busbw = Reported<Throughput>::missing("one rank: nothing travels");
  benchmark.roofline = Roofline{900, kGbPerS, "link", "s", {}, Basis::modelled};
  take_busbw_from_communicators(benchmark);
  fill_attainment(benchmark);
  roll_up(benchmark, topology);
  EXPECT_EQ(benchmark.gpus[0].attainment.reason(), "one rank: nothing travels");
  EXPECT_EQ(benchmark.racks[0].throughput.reason(),
            "node n0: no figure from GPU 0 (rank 0): one rank: nothing travels");
}

TEST(Attainment, IsMissingAsAWholeWhereOneGpuHasNoFigure) {
  const topology::Topology topology = two_gpus_a_node(1);
  Benchmark benchmark = with_rates(topology, {10, 12});
  benchmark.roofline = Roofline{40, kTflops, "compute", "s", {}, Basis::modelled};
  benchmark.gpus[1].throughput = Reported<Throughput>::missing("timed out");
  fill_attainment(benchmark);
  EXPECT_DOUBLE_EQ(*benchmark.gpus[0].attainment, 0.25);
  EXPECT_EQ(benchmark.roofline->attainment.reason(), "no figure from GPU 1 (rank 1): timed out");
}

TEST(Attainment, WithoutARooflineHasItsReason) {
  const topology::Topology topology = two_gpus_a_node(1);
  Benchmark benchmark = with_rates(topology, {10, 12});
  benchmark.roofline = Reported<Roofline>::missing("unknown rack");
  fill_attainment(benchmark);
  EXPECT_EQ(benchmark.gpus[0].attainment.reason(), "unknown rack");
}

}  // namespace
}  // namespace rackproof::harness::record

#include "harness/record/rollup.hpp"

#include "harness/record/statistics.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string_view>

namespace rackproof::harness::record {
namespace {

int width(std::string_view scope) {
  return scope == "all" ? 2 : scope == "rack" ? 1 : 0;
}

/// The widest communicator that `gpu` is a member of: the figure that names the benchmark.
const CommunicatorResult* communicator_of(const Benchmark& benchmark, const GpuRef& gpu) {
  const CommunicatorResult* widest = nullptr;
  for (const CommunicatorResult& communicator : benchmark.communicators) {
    const bool member = std::ranges::any_of(communicator.ranks,
                                            [&](const RankTime& rank) { return rank.gpu == gpu; });
    if (member && (widest == nullptr || width(communicator.scope) > width(widest->scope))) {
      widest = &communicator;
    }
  }
  return widest;
}

/// What every link carries at least: busbw if NCCL ran a ring, wire if the switch reduced. Which of
/// them it was NCCL does not tell; the smaller never overstates.
Reported<Throughput> link_load(const CommunicatorResult& communicator) {
  if (!communicator.busbw || !communicator.wire) {
    return communicator.busbw;
  }
  return communicator.busbw->value < communicator.wire->value ? communicator.busbw
                                                              : communicator.wire;
}

/// The first of the figures that none is worse than.
std::size_t index_of_worst(const std::vector<Throughput>& figures, Better better) {
  const auto worst = better == Better::higher
                         ? std::ranges::min_element(figures, {}, &Throughput::value)
                         : std::ranges::max_element(figures, {}, &Throughput::value);
  return static_cast<std::size_t>(worst - figures.begin());
}

std::string describe(const GpuRef& gpu) {
  return "GPU " + std::to_string(gpu.gpu) + " (rank " + std::to_string(gpu.rank) + ")";
}

NodeResult roll_up_node(const Benchmark& benchmark, const std::string& rack,
                        const topology::Node& node) {
  NodeResult result;
  result.rack = rack;
  result.node = node.id;
  std::vector<Throughput> figures;
  std::vector<GpuRef> members;
  std::string missing;
  for (const topology::Gpu& gpu : node.gpus) {
    const GpuRef ref{rack, node.id, gpu.device, gpu.rank};
    const auto found = std::ranges::find(benchmark.gpus, ref, &GpuResult::gpu);
    if (found != benchmark.gpus.end() && found->throughput) {
      figures.push_back(*found->throughput);
      members.push_back(ref);
      continue;
    }
    if (missing.empty()) {
      const std::string reason = found != benchmark.gpus.end()      ? found->throughput.reason()
                                 : !benchmark.status_reason.empty() ? benchmark.status_reason
                                                                    : "it gave no result";
      missing = "no figure from " + describe(ref) + ": " + reason;
    }
  }
  if (figures.empty() && missing.empty()) {
    missing = "the node has no GPU in this run";
  }
  if (!missing.empty()) {
    result.throughput = Reported<Aggregate>::missing(missing);
    result.slowest = Reported<GpuRef>::missing(missing);
    return result;
  }
  result.throughput = aggregate(figures, benchmark.better, benchmark.name);
  result.slowest = members[index_of_worst(figures, benchmark.better)];
  return result;
}

RackResult roll_up_rack(const Benchmark& benchmark, const std::string& rack) {
  RackResult result;
  result.rack = rack;
  std::vector<Throughput> figures;
  std::vector<std::string> members;
  for (const NodeResult& node : benchmark.nodes) {
    if (node.rack != rack) {
      continue;
    }
    if (!node.throughput) {
      const std::string missing = "node " + node.node + ": " + node.throughput.reason();
      result.throughput = Reported<Aggregate>::missing(missing);
      result.slowest = Reported<std::string>::missing(missing);
      return result;
    }
    figures.push_back(
        {representative(*node.throughput), node.throughput->unit, node.throughput->basis});
    members.push_back(node.node);
  }
  if (figures.empty()) {
    result.throughput = Reported<Aggregate>::missing("the rack has no node in this run");
    result.slowest = Reported<std::string>::missing("the rack has no node in this run");
    return result;
  }
  result.throughput = aggregate(figures, benchmark.better, benchmark.name);
  result.slowest = members[index_of_worst(figures, benchmark.better)];
  return result;
}

}  // namespace

Aggregate aggregate(const std::vector<Throughput>& figures, Better better,
                    const std::string& benchmark) {
  std::vector<double> values;
  for (const Throughput& figure : figures) {
    if (figure.unit != figures.front().unit || figure.basis != figures.front().basis) {
      throw InvalidRecord("benchmark " + benchmark + " mixes units or bases: " + figure.unit +
                          " and " + figures.front().unit);
    }
    values.push_back(figure.value);
  }
  const Range spread = range(values);
  Aggregate result;
  result.sum = better == Better::higher
                   ? Reported<double>(std::accumulate(values.begin(), values.end(), 0.0))
                   : Reported<double>::missing("latencies do not add up");
  result.min = spread.min;
  result.median = spread.median;
  result.max = spread.max;
  result.unit = figures.front().unit;
  result.basis = figures.front().basis;
  result.members = values.size();
  return result;
}

double representative(const Aggregate& aggregate) {
  return aggregate.sum ? *aggregate.sum : aggregate.median;
}

void take_busbw_from_communicators(Benchmark& benchmark) {
  if (benchmark.communicators.empty()) {
    return;
  }
  for (GpuResult& gpu : benchmark.gpus) {
    const CommunicatorResult* communicator = communicator_of(benchmark, gpu.gpu);
    gpu.throughput = communicator == nullptr
                         ? Reported<Throughput>::missing("member of no communicator")
                         : communicator->busbw;
  }
}

void fill_attainment(Benchmark& benchmark) {
  std::vector<double> attained;
  std::string missing;
  for (GpuResult& gpu : benchmark.gpus) {
    const CommunicatorResult* communicator = communicator_of(benchmark, gpu.gpu);
    const Reported<Throughput> figure =
        communicator == nullptr ? gpu.throughput : link_load(*communicator);
    if (!benchmark.roofline) {
      gpu.attainment = Reported<double>::missing(benchmark.roofline.reason());
    } else if (!figure) {
      gpu.attainment = Reported<double>::missing(figure.reason());
      missing = missing.empty() ? "no figure from " + describe(gpu.gpu) + ": " + figure.reason()
                                : missing;
    } else {
      if (figure->unit != benchmark.roofline->unit) {
        throw InvalidRecord("benchmark " + benchmark.name + ": roofline in " +
                            benchmark.roofline->unit + ", throughput in " + figure->unit);
      }
      gpu.attainment = figure->value / benchmark.roofline->peak;
      attained.push_back(*gpu.attainment);
    }
  }
  if (!benchmark.roofline) {
    return;
  }
  Roofline roofline = *benchmark.roofline;
  if (attained.empty() || !missing.empty()) {
    roofline.attainment =
        Reported<Range>::missing(!missing.empty()                  ? missing
                                 : benchmark.status_reason.empty() ? "no GPU gave a figure"
                                                                   : benchmark.status_reason);
  } else {
    roofline.attainment = range(attained);
  }
  benchmark.roofline = roofline;
}

void roll_up(Benchmark& benchmark, const topology::Topology& topology) {
  benchmark.nodes.clear();
  benchmark.racks.clear();
  for (const topology::Rack& rack : topology.racks) {
    for (const topology::Node& node : rack.nodes) {
      benchmark.nodes.push_back(roll_up_node(benchmark, rack.id, node));
    }
    benchmark.racks.push_back(roll_up_rack(benchmark, rack.id));
  }
}

void roll_up(Record& record) {
  for (Benchmark& benchmark : record.benchmarks) {
    take_busbw_from_communicators(benchmark);
    fill_attainment(benchmark);
    roll_up(benchmark, record.topology);
  }
}

}  // namespace rackproof::harness::record

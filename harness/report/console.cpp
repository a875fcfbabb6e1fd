#include "harness/report/console.hpp"

#include "harness/record/names.hpp"
#include "harness/record/rollup.hpp"
#include "harness/report/format.hpp"
#include "harness/report/summary.hpp"
#include "harness/report/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace rackproof::harness::report {
namespace {

using Align = TextTable::Align;

/// A table of all nodes up to this many; beyond, the two ends.
constexpr std::size_t kNodesListed = 4;

std::string verified_words(const record::Benchmark& benchmark) {
  const VerificationCount counted = count_verified(benchmark);
  return fmt::format("{}/{}", counted.verified, benchmark.gpus.size());
}

std::string attainment_words(const record::Benchmark& benchmark) {
  return benchmark.roofline && benchmark.roofline->attainment
             ? percentage(benchmark.roofline->attainment->median)
             : "-";
}

std::string sum_words(const record::Aggregate& rate) {
  return rate.sum ? figure(*rate.sum) : "-";
}

/// "tray 3", or "rack 1 tray 3" where there are several racks.
std::string node_name(const record::Record& record, const record::NodeResult& node) {
  const std::string label = node_label(record, node.node);
  return record.topology.racks.size() == 1 ? label : rack_label(record, node.rack) + " " + label;
}

std::vector<const record::NodeResult*> listed_nodes(const record::Benchmark& benchmark) {
  std::vector<const record::NodeResult*> nodes;
  for (const record::NodeResult& node : benchmark.nodes) {
    if (node.throughput) {
      nodes.push_back(&node);
    }
  }
  if (nodes.size() > kNodesListed) {
    const auto [least, most] = std::ranges::minmax_element(
        nodes, {},
        [](const record::NodeResult* node) { return record::representative(*node->throughput); });
    const bool rate = benchmark.better == record::Better::higher;
    return {rate ? *least : *most, rate ? *most : *least};
  }
  return nodes;
}

void print_nodes(std::ostream& out, const record::Record& record, const Summary& summary) {
  TextTable table({{"benchmark", Align::left},
                   {"node", Align::left},
                   {"sum"},
                   {"GPU min"},
                   {"median"},
                   {"max"},
                   {"unit", Align::left},
                   {"slowest", Align::left}});
  for (const record::Benchmark& benchmark : record.benchmarks) {
    if (!benchmark.communicators.empty()) {
      continue;
    }
    std::string name = benchmark.name;
    for (const record::NodeResult* node : listed_nodes(benchmark)) {
      const record::Aggregate& rate = *node->throughput;
      table.add_row(
          {name, node_name(record, *node), sum_words(rate), figure(rate.min), figure(rate.median),
           figure(rate.max), rate.unit,
           rate.min < rate.max ? fmt::format("GPU {}", node->slowest->gpu) : "all equal"});
      name.clear();
    }
  }
  if (table.empty()) {
    return;
  }
  out << fmt::format("\nPer node ({}{})\n", record::name_of(record.run.basis()),
                     summary.nodes > kNodesListed * summary.racks
                         ? ", slowest and fastest; the record has all"
                         : "");
  table.print(out);
}

void print_racks(std::ostream& out, const record::Record& record) {
  TextTable table({{"benchmark", Align::left},
                   {"rack", Align::left},
                   {"sum"},
                   {"node min"},
                   {"median"},
                   {"max"},
                   {"unit", Align::left},
                   {"of peak"},
                   {"verified"}});
  for (const record::Benchmark& benchmark : record.benchmarks) {
    if (!benchmark.communicators.empty()) {
      continue;
    }
    std::string name = benchmark.name;
    for (const record::RackResult& rack : benchmark.racks) {
      if (!rack.throughput) {
        continue;
      }
      const record::Aggregate& rate = *rack.throughput;
      table.add_row({name, rack_label(record, rack.rack), sum_words(rate), figure(rate.min),
                     figure(rate.median), figure(rate.max), rate.unit, attainment_words(benchmark),
                     verified_words(benchmark)});
      name.clear();
    }
  }
  if (!table.empty()) {
    out << fmt::format("\nPer rack ({})\n", record::name_of(record.run.basis()));
    table.print(out);
  }
}

void print_collectives(std::ostream& out, const record::Record& record) {
  TextTable table({{"collective", Align::left},
                   {"scope", Align::left},
                   {"ranks"},
                   {"size"},
                   {"time"},
                   {"algbw"},
                   {"busbw"},
                   {"wire"},
                   {"unit", Align::left}});
  const auto rate = [](const record::Reported<record::Throughput>& figure_or_reason) {
    return figure_or_reason ? figure(figure_or_reason->value) : std::string("-");
  };
  for (const record::Benchmark& benchmark : record.benchmarks) {
    for (const std::string& scope : scopes_of(benchmark)) {
      const record::CommunicatorResult& communicator = telling_communicator(benchmark, scope);
      table.add_row({benchmark.name, communicator.scope, std::to_string(communicator.ranks.size()),
                     size(communicator.bytes),
                     communicator.time_s ? duration(communicator.time_s->median) : "-",
                     rate(communicator.algbw), rate(communicator.busbw), rate(communicator.wire),
                     record::kGbPerS});
    }
  }
  if (!table.empty()) {
    out << fmt::format(
        "\nCollectives ({}; time of the slowest rank, of several communicators the slowest)\n",
        record::name_of(record.run.basis()));
    table.print(out);
  }
}

void print_problems(std::ostream& out, const record::Record& record) {
  for (const record::Benchmark& benchmark : record.benchmarks) {
    if (benchmark.status != record::Status::ok) {
      out << fmt::format("{:8} {}: {}\n", status_words(benchmark.status), benchmark.name,
                         benchmark.status_reason);
    }
  }
}

}  // namespace

void print_summary(std::ostream& out, const record::Record& record) {
  const Summary summary = summarise(record);
  const std::string model = record.rack_model ? record.rack_model->id : "unknown rack model";
  out << fmt::format("\n{}: {}; suite {}\n", model, extent(summary), record.run.suite);
  for (const topology::Rack& rack : record.topology.racks) {
    out << fmt::format("  {} is {}\n", rack_label(record, rack.id), rack.id);
  }
  if (record.run.basis() == record::Basis::modelled) {
    out << kModelledBanner << '\n';
  }
  print_nodes(out, record, summary);
  print_racks(out, record);
  print_collectives(out, record);
  out << fmt::format("\nBenchmarks: {}. Results verified: {} of {}.\n", outcomes(summary),
                     summary.verified, summary.results);
  print_problems(out, record);
}

}  // namespace rackproof::harness::report

#include "harness/report/summary.hpp"

#include "harness/record/names.hpp"
#include "harness/record/rollup.hpp"
#include "harness/report/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace rackproof::harness::report {

Summary summarise(const record::Record& record) {
  Summary result;
  result.racks = record.topology.racks.size();
  for (const topology::Rack& rack : record.topology.racks) {
    result.nodes += rack.nodes.size();
    for (const topology::Node& node : rack.nodes) {
      result.gpus += node.gpus.size();
    }
  }
  for (const record::Benchmark& benchmark : record.benchmarks) {
    result.ok += benchmark.status == record::Status::ok;
    result.wrong += benchmark.status == record::Status::wrong;
    result.failed += benchmark.status == record::Status::failed;
    result.not_run += benchmark.status == record::Status::not_run;
    if (benchmark.status != record::Status::not_run) {
      result.results += benchmark.gpus.size();
      result.verified += count_verified(benchmark).verified;
    }
  }
  return result;
}

std::string extent(const Summary& summary) {
  return fmt::format("{}, {}, {}", count(summary.racks, "rack"), count(summary.nodes, "node"),
                     count(summary.gpus, "GPU"));
}

std::string outcomes(const Summary& summary) {
  std::string text = fmt::format("{} ok", summary.ok);
  for (const auto& [n, word] :
       {std::pair{summary.wrong, "wrong"}, std::pair{summary.failed, "failed"},
        std::pair{summary.not_run, "not run"}}) {
    if (n > 0) {
      text += fmt::format(", {} {}", n, word);
    }
  }
  return text;
}

std::string rack_label(const record::Record& record, std::string_view rack_id) {
  const auto& racks = record.topology.racks;
  const auto rack = std::ranges::find(racks, rack_id, &topology::Rack::id);
  return rack == racks.end() ? std::string(rack_id)
                             : fmt::format("rack {}", std::distance(racks.begin(), rack));
}

std::string node_label(const topology::Node& node) {
  return node.tray_index ? fmt::format("tray {}", *node.tray_index) : node.host;
}

std::string node_label(const record::Record& record, std::string_view node_id) {
  for (const topology::Rack& rack : record.topology.racks) {
    const auto node = std::ranges::find(rack.nodes, node_id, &topology::Node::id);
    if (node != rack.nodes.end()) {
      return node_label(*node);
    }
  }
  return std::string(node_id);
}

std::string without_size(std::string_view name) {
  return std::string(name.substr(0, name.rfind('/')));
}

std::string status_words(record::Status status) {
  std::string words(record::name_of(status));
  std::ranges::replace(words, '_', ' ');
  return words;
}

std::vector<OperationGroup> by_operation(const record::Record& record) {
  std::vector<OperationGroup> groups;
  for (const record::Benchmark& benchmark : record.benchmarks) {
    auto group = std::ranges::find(groups, benchmark.operation, &OperationGroup::operation);
    if (group == groups.end()) {
      groups.push_back({benchmark.operation, {}});
      group = std::prev(groups.end());
    }
    group->benchmarks.push_back(&benchmark);
  }
  return groups;
}

VerificationCount count_verified(const record::Benchmark& benchmark) {
  VerificationCount result;
  std::string reason;
  for (const record::GpuResult& gpu : benchmark.gpus) {
    if (!gpu.verification) {
      ++result.unknown;
      reason = reason.empty() ? gpu.verification.reason() : reason;
    } else if (gpu.verification->passed) {
      ++result.verified;
    } else {
      ++result.wrong;
      if (result.note.empty()) {
        const kernels::Verification& verification = *gpu.verification;
        result.note = fmt::format("{}: {} wrong", place(gpu.gpu),
                                  count(verification.wrong_elements, "element"));
        if (verification.first_wrong) {
          result.note += fmt::format(
              ", first at {}: expected {:.9g}, got {:.9g}", verification.first_wrong->coordinate,
              verification.first_wrong->expected, verification.first_wrong->actual);
        }
      }
    }
  }
  result.note = result.note.empty() ? reason : result.note;
  return result;
}

std::vector<std::string> scopes_of(const record::Benchmark& benchmark) {
  std::vector<std::string> scopes;
  for (const record::CommunicatorResult& communicator : benchmark.communicators) {
    if (std::ranges::find(scopes, communicator.scope) == scopes.end()) {
      scopes.push_back(communicator.scope);
    }
  }
  return scopes;
}

const record::CommunicatorResult& telling_communicator(const record::Benchmark& benchmark,
                                                       const std::string& scope) {
  // Other scopes last, wrong ones first, then by bandwidth.
  const auto rank = [&](const record::CommunicatorResult& communicator) {
    const bool wrong = communicator.verified && !*communicator.verified;
    return std::tuple{communicator.scope != scope, !wrong,
                      communicator.busbw ? communicator.busbw->value : 0.0};
  };
  return *std::ranges::min_element(benchmark.communicators, {}, rank);
}

record::Reported<record::Aggregate> per_gpu(const record::Benchmark& benchmark) {
  using Result = record::Reported<record::Aggregate>;
  std::vector<record::Throughput> figures;
  for (const record::GpuResult& gpu : benchmark.gpus) {
    if (!gpu.throughput) {
      return Result::missing(fmt::format("{}: {}", place(gpu.gpu), gpu.throughput.reason()));
    }
    figures.push_back(*gpu.throughput);
  }
  if (figures.empty()) {
    return Result::missing(benchmark.status_reason.empty() ? "no GPU gave a result"
                                                           : benchmark.status_reason);
  }
  return record::aggregate(figures, benchmark.better, benchmark.name);
}

}  // namespace rackproof::harness::report

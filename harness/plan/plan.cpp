#include "harness/plan/plan.hpp"

#include "collectives/collective.hpp"
#include "collectives/types.hpp"
#include "harness/config/error.hpp"
#include "harness/plan/message_sizes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <regex>
#include <stdexcept>

namespace rackproof::harness::plan {
namespace {

using topology::Topology;

CommunicatorScope parse_scope(const std::string& name) {
  return name == "node"   ? CommunicatorScope::node
         : name == "rack" ? CommunicatorScope::rack
                          : CommunicatorScope::all;
}

/// Ranks in the smallest communicator of this scope.
int smallest_communicator(const Topology& topology, CommunicatorScope scope) {
  std::size_t smallest = topology.places.size();
  for (const topology::Rack& rack : topology.racks) {
    std::size_t in_rack = 0;
    for (const topology::Node& node : rack.nodes) {
      in_rack += node.gpus.size();
      if (scope == CommunicatorScope::node) {
        smallest = std::min(smallest, node.gpus.size());
      }
    }
    if (scope == CommunicatorScope::rack) {
      smallest = std::min(smallest, in_rack);
    }
  }
  return static_cast<int>(smallest);
}

void add(Plan& plan, PlannedBenchmark benchmark) {
  const auto same =
      std::find_if(plan.benchmarks.begin(), plan.benchmarks.end(),
                   [&](const PlannedBenchmark& other) { return other.name == benchmark.name; });
  if (same == plan.benchmarks.end()) {
    plan.benchmarks.push_back(std::move(benchmark));
  } else if (same->reason != benchmark.reason) {
    same->reason += "; " + benchmark.reason;
  }
}

void plan_operation(const OperationRequest& request, const kernels::SizingContext& context,
                    Plan& plan) {
  const bool cold_l2 = plan.statistics.cold_l2;
  const kernels::Operation* operation = kernels::find_operation(request.operation);
  if (operation == nullptr) {
    throw config::ConfigError(request.place, "there is no operation " + request.operation);
  }
  kernels::ParamReader reader(request.params);
  std::vector<kernels::PlannedProblem> problems;
  try {
    problems = operation->plan(reader, context);
    reader.finish();
  } catch (const kernels::ParamError& error) {
    throw config::ConfigError(request.place + "/" + error.key(), error.what());
  }
  for (const kernels::PlannedProblem& planned : problems) {
    PlannedBenchmark benchmark;
    benchmark.name = planned.problem->name();
    benchmark.reason = planned.reason;
    benchmark.source = request.place;
    OperationBenchmark what{operation, planned.problem, nullptr};
    const auto choice = kernels::choose_variant(*operation, *planned.problem, context.cc);
    const std::uint64_t footprint_bytes =
        planned.problem->footprint_bytes() +
        (cold_l2 && !planned.problem->wants_warm_l2() ? rotated_bytes(context.l2_bytes) : 0);
    if (const auto* variant = std::get_if<const kernels::Variant*>(&choice)) {
      what.variant = *variant;
    } else {
      benchmark.cannot_run = std::get<kernels::NotSupported>(choice).reason;
    }
    if (footprint_bytes > context.memory_bytes) {
      benchmark.cannot_run = "needs " + format_bytes(footprint_bytes) +
                             " of device memory, free are " + format_bytes(context.memory_bytes);
    }
    benchmark.what = std::move(what);
    add(plan, std::move(benchmark));
  }
}

/// Buffers that one message occupies: input and output, one and the same in place.
int buffers_of(const std::string& placement) {
  return placement == "in_place" ? 1 : 2;
}

std::string format_percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g %%", 100 * share);
  return text.data();
}

/// The largest message of a request for one placement, and why.
MessageSize largest_message(const CollectiveRequest& request, const std::string& placement,
                            const kernels::SizingContext& context) {
  if (request.max_bytes) {
    return {*request.max_bytes, format_bytes(*request.max_bytes) + " by the suite"};
  }
  constexpr std::uint64_t kAlignment_bytes = 16;  // whole elements of every type, vector accesses
  const double share_bytes = *request.max_memory_share * static_cast<double>(context.memory_bytes);
  const auto bytes = static_cast<std::uint64_t>(share_bytes / buffers_of(placement));
  return {bytes / kAlignment_bytes * kAlignment_bytes,
          format_percent(*request.max_memory_share) + " of " + format_bytes(context.memory_bytes) +
              " free device memory in " + std::to_string(buffers_of(placement)) + " buffers"};
}

/// All sizes of one (type, reduction, placement, scope) of a request.
void plan_curve(const CollectiveRequest& request, CollectiveBenchmark what,
                const kernels::SizingContext& context, const Topology& topology, Plan& plan) {
  const int ranks = smallest_communicator(topology, what.scope);
  const MessageSize largest = largest_message(request, what.placement, context);
  const auto type_bytes = collectives::size_bytes(*collectives::parse_data_type(what.type));
  const std::uint64_t smallest_bytes = std::max<std::uint64_t>(request.min_bytes, type_bytes);
  if (largest.bytes < smallest_bytes) {
    throw config::ConfigError(request.place, "sizes from " + format_bytes(request.min_bytes) +
                                                 " to " + largest.reason + " hold no message of " +
                                                 what.type + " elements (" +
                                                 format_bytes(type_bytes) + " each)");
  }
  for (const MessageSize& size :
       message_sizes(smallest_bytes, largest.bytes, request.factor, largest.reason)) {
    what.bytes = size.bytes;
    PlannedBenchmark benchmark;
    benchmark.name = what.collective + "/" + std::string(to_string(what.scope)) + "/" + what.type +
                     "/" + what.reduction + "/" + what.placement + "/" + std::to_string(size.bytes);
    benchmark.reason = size.reason;
    benchmark.source = request.place;
    benchmark.what = what;
    if (ranks < 2) {
      benchmark.cannot_run = "a communicator of scope " + std::string(to_string(what.scope)) +
                             " has one rank here: nothing travels";
    }
    add(plan, std::move(benchmark));
  }
}

/// The scopes of a request without those whose communicators are another one's: one rack is all,
/// one node is its rack. The narrower name stays.
std::vector<std::string> distinct_scopes(const CollectiveRequest& request,
                                         const Topology& topology) {
  const auto wants = [&](const char* scope) {
    return std::find(request.scopes.begin(), request.scopes.end(), scope) != request.scopes.end();
  };
  const bool one_rack = topology.racks.size() == 1;
  const bool one_node = std::all_of(topology.racks.begin(), topology.racks.end(),
                                    [](const auto& rack) { return rack.nodes.size() == 1; });
  std::vector<std::string> scopes = request.scopes;
  std::erase_if(scopes, [&](const std::string& scope) {
    return (scope == "rack" && one_node && wants("node")) ||
           (scope == "all" && one_rack && (wants("rack") || (one_node && wants("node"))));
  });
  return scopes;
}

void plan_collective(const CollectiveRequest& request, const kernels::SizingContext& context,
                     const Topology& topology, Plan& plan) {
  for (const std::string& scope : distinct_scopes(request, topology)) {
    for (const std::string& type : request.types) {
      for (const std::string& reduction : request.reductions) {
        for (const std::string& placement : request.placements) {
          plan_curve(request,
                     {request.collective, type, reduction, placement, 0, parse_scope(scope)},
                     context, topology, plan);
        }
      }
    }
  }
}

}  // namespace

std::string_view to_string(CommunicatorScope scope) {
  switch (scope) {
    case CommunicatorScope::node:
      return "node";
    case CommunicatorScope::rack:
      return "rack";
    case CommunicatorScope::all:
      return "all";
  }
  throw std::invalid_argument("not a CommunicatorScope");
}

std::string PlannedBenchmark::operation() const {
  if (const auto* collective = std::get_if<CollectiveBenchmark>(&what)) {
    return collective->collective;
  }
  return std::string(std::get<OperationBenchmark>(what).operation->name());
}

Plan make_plan(const Suite& suite, const Topology& topology) {
  Plan plan{suite.name, suite.statistics, {}, {}};
  const kernels::SizingContext context = topology::sizing_context(topology);
  for (const OperationRequest& request : suite.operations) {
    plan_operation(request, context, plan);
  }
  for (const CollectiveRequest& request : suite.collectives) {
    plan_collective(request, context, topology, plan);
  }
  return plan;
}

void spare_shared_cores(Plan& plan, double ranks_per_core) {
  if (ranks_per_core <= kManyRanksPerCore) {
    return;
  }
  plan.statistics.warmup = 0;
  plan.statistics.min_samples = 1;
  plan.statistics.max_samples = 1;
  std::array<char, 32> ranks{};
  std::snprintf(ranks.data(), ranks.size(), "%.3g", ranks_per_core);
  plan.notes.push_back(std::string(ranks.data()) +
                       " emulated ranks share each core: one sample and no warm-up, whatever the "
                       "suite says; modelled times do not vary");
}

void keep_matching(Plan& plan, const std::string& regex) {
  try {
    const std::regex pattern(regex);
    std::erase_if(plan.benchmarks, [&](const PlannedBenchmark& benchmark) {
      return !std::regex_search(benchmark.name, pattern);
    });
  } catch (const std::regex_error& error) {
    throw config::ConfigError(
        "--filter", "\"" + regex + "\" is not a regular expression (" + error.what() + ")");
  }
}

}  // namespace rackproof::harness::plan

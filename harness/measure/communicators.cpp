#include "harness/measure/communicators.hpp"

#include <algorithm>

namespace rackproof::harness::measure {

using plan::CommunicatorScope;

std::vector<std::vector<int>> members_of(const topology::Topology& topology,
                                         CommunicatorScope scope) {
  std::vector<std::vector<int>> groups;
  const auto open_group = [&](CommunicatorScope level) {
    if (scope == level) {
      groups.emplace_back();
    }
  };
  open_group(CommunicatorScope::all);
  for (const topology::Rack& rack : topology.racks) {
    open_group(CommunicatorScope::rack);
    for (const topology::Node& node : rack.nodes) {
      open_group(CommunicatorScope::node);
      for (const topology::Gpu& gpu : node.gpus) {
        groups.back().push_back(gpu.rank);
      }
    }
  }
  return groups;
}

collectives::Communicator& Communicators::get(CommunicatorScope scope, Context& context) {
  if (const auto found = communicators_.find(scope); found != communicators_.end()) {
    return found->second;
  }
  const collectives::Deadline deadline = context.deadline("communicator set-up");
  if (scope == CommunicatorScope::all) {
    return communicators_
        .emplace(scope, collectives::Communicator::create(*context.bootstrap, deadline))
        .first->second;
  }
  collectives::Communicator& all = get(CommunicatorScope::all, context);
  const std::vector<std::vector<int>> groups = members_of(*context.topology, scope);
  const auto own = std::find_if(groups.begin(), groups.end(), [&](const std::vector<int>& group) {
    return std::find(group.begin(), group.end(), context.rank()) != group.end();
  });
  const int color = static_cast<int>(own - groups.begin());
  return communicators_.emplace(scope, all.split(color, context.rank(), deadline).value())
      .first->second;
}

void Communicators::finalize(const Context& context) {
  // Those split off go first.
  for (auto& [scope, communicator] : communicators_) {
    communicator.finalize(context.deadline("communicator shut-down"));
  }
  communicators_.clear();
}

void Communicators::abort() noexcept {
  for (auto& [scope, communicator] : communicators_) {
    communicator.abort();
  }
}

}  // namespace rackproof::harness::measure

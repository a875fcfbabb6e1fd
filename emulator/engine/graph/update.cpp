// cudaGraphExecUpdate: pairs the nodes of a graph with those of an instance and takes their
// parameters.

#include "emulator/engine/graph/executable.hpp"

#include <algorithm>

namespace rackproof::emulator::engine::graph {
namespace {

struct Mismatch {
  cudaGraphExecUpdateResult result = cudaGraphExecUpdateSuccess;
  std::uint64_t node = 0;  // of the new graph
  std::uint64_t from = 0;  // its dependency
};

std::vector<std::uint32_t> sorted(std::vector<std::uint32_t> indices) {
  std::sort(indices.begin(), indices.end());
  return indices;
}

// Both plans are in the same deterministic order, so equal graphs pair by position. A launch keeps
// its enabled state.
Mismatch pair(Plan& to, const Plan& from) {
  const std::size_t common = std::min(to.nodes.size(), from.nodes.size());
  for (std::size_t i = 0; i < common; ++i) {
    PlanNode& mine = to.nodes[i];
    const PlanNode& other = from.nodes[i];
    if (sorted(mine.dependencies) != sorted(other.dependencies)) {
      std::uint64_t dependency = 0;
      for (const std::uint32_t candidate : other.dependencies) {
        if (std::count(mine.dependencies.begin(), mine.dependencies.end(), candidate) == 0) {
          dependency = from.nodes[candidate].source;
        }
      }
      return {cudaGraphExecUpdateErrorTopologyChanged, other.source, dependency};
    }
    if (const auto result = can_replace(mine.work, other.work);
        result != cudaGraphExecUpdateSuccess) {
      return {result, other.source, 0};
    }
    if (mine.parts.size() != other.parts.size()) {
      return {cudaGraphExecUpdateErrorParametersChanged, other.source, 0};
    }
    for (std::size_t part = 0; part < mine.parts.size(); ++part) {
      if (const Mismatch inner = pair(*mine.parts[part], *other.parts[part]);
          inner.result != cudaGraphExecUpdateSuccess) {
        return {inner.result, other.source, 0};
      }
    }
    mine.work = other.work;
  }
  if (to.nodes.size() != from.nodes.size()) {
    // A new node is named; for one that is missing there is none to name.
    return {cudaGraphExecUpdateErrorTopologyChanged,
            from.nodes.size() > common ? from.nodes[common].source : 0, 0};
  }
  return {};
}

cudaGraphNode_t handle_of(const Graph& graph, std::uint64_t id) {
  for (const auto& node : graph.nodes()) {
    if (node->id == id) {
      return handle_of(node.get());
    }
  }
  return nullptr;
}

}  // namespace

cudaError_t Executable::update(const Graph& graph, cudaGraphExecUpdateResultInfo& result) {
  result = {};
  const std::shared_ptr<Plan> wanted = make_plan(graph);
  if (wanted == nullptr) {
    result.result = cudaGraphExecUpdateError;
    return cudaErrorGraphExecUpdateFailure;
  }
  const std::shared_ptr<Plan> changed = copy_plan(*plan_);
  const Mismatch mismatch = pair(*changed, *wanted);
  result.result = mismatch.result;
  if (mismatch.result != cudaGraphExecUpdateSuccess) {
    result.errorNode = handle_of(graph, mismatch.node);
    result.errorFromNode = handle_of(graph, mismatch.from);
    return cudaErrorGraphExecUpdateFailure;
  }
  plan_ = changed;
  user_objects_ = graph.user_objects;
  return cudaSuccess;
}

cudaError_t Executable::set_child(const Node& node, const Graph& child) {
  const PlanNode* entry = find(*plan_, node.id);
  const std::shared_ptr<Plan> wanted = make_plan(child);
  if (entry == nullptr || !std::holds_alternative<ChildNode>(entry->work) || wanted == nullptr) {
    return cudaErrorInvalidValue;
  }
  const std::shared_ptr<Plan> changed = copy_plan(*plan_);
  if (pair(*find(*changed, node.id)->parts.front(), *wanted).result != cudaGraphExecUpdateSuccess) {
    return cudaErrorInvalidValue;
  }
  plan_ = changed;
  return cudaSuccess;
}

}  // namespace rackproof::emulator::engine::graph

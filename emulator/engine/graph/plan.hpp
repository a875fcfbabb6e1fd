#pragma once
/// What an executable graph executes: a graph's nodes in an order in which dependencies come first,
/// apart from the graph that the program goes on to edit.

#include "emulator/engine/graph/graph.hpp"
#include "emulator/engine/graph/work.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace rackproof::emulator::engine::graph {

struct Plan;

struct PlanNode {
  std::uint64_t source = 0;  ///< id of the node of the graph
  NodeWork work;
  bool is_enabled = true;
  std::vector<std::uint32_t> dependencies;
  /// Of these, those whose kernel may still run when this one begins (programmatic edges).
  std::vector<std::uint32_t> programmatic;
  std::vector<std::uint32_t> dependents;
  std::vector<std::shared_ptr<Plan>> parts;  ///< a child graph, or the bodies of a condition
};

struct Plan {
  std::vector<PlanNode> nodes;
};

/// nullptr: the graph, or one inside it, has a cycle.
[[nodiscard]] std::shared_ptr<Plan> make_plan(const Graph& graph);
[[nodiscard]] std::shared_ptr<Plan> copy_plan(const Plan& plan);
/// The node that was made from the graph's node `source`, also in child graphs.
[[nodiscard]] PlanNode* find(Plan& plan, std::uint64_t source);
/// A graph that does the same; nullptr: it has nodes that cannot be cloned.
[[nodiscard]] std::shared_ptr<Graph> to_graph(const Plan& plan);

template <typename Visitor>
void for_each_node(const Plan& plan, Visitor&& visit) {
  for (const PlanNode& node : plan.nodes) {
    visit(node);
    for (const auto& part : node.parts) {
      for_each_node(*part, visit);
    }
  }
}

}  // namespace rackproof::emulator::engine::graph

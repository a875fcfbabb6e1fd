#include "emulator/engine/graph/plan.hpp"

#include <algorithm>
#include <unordered_map>

namespace rackproof::emulator::engine::graph {

std::shared_ptr<Plan> make_plan(const Graph& graph) {
  const auto order = graph.topological_order();
  if (!order) {
    return nullptr;
  }
  auto plan = std::make_shared<Plan>();
  std::unordered_map<const Node*, std::uint32_t> place;
  for (Node* node : *order) {
    PlanNode entry;
    entry.source = node->id;
    entry.work = node->work;
    const auto index = static_cast<std::uint32_t>(plan->nodes.size());
    place[node] = index;
    for (const Edge& edge : node->dependencies) {
      entry.dependencies.push_back(place.at(edge.node));
      if (edge.data.type == cudaGraphDependencyTypeProgrammatic) {
        entry.programmatic.push_back(place.at(edge.node));
      }
      plan->nodes[place.at(edge.node)].dependents.push_back(index);
    }
    std::vector<std::shared_ptr<Graph>> parts;
    if (auto* child = std::get_if<ChildNode>(&entry.work)) {
      parts.push_back(std::move(child->graph));
    } else if (auto* conditional = std::get_if<ConditionalNode>(&entry.work)) {
      parts = std::move(conditional->bodies);
    }
    for (const auto& part : parts) {
      entry.parts.push_back(make_plan(*part));
      if (entry.parts.back() == nullptr) {
        return nullptr;
      }
    }
    plan->nodes.push_back(std::move(entry));
  }
  return plan;
}

std::shared_ptr<Plan> copy_plan(const Plan& plan) {
  auto copy = std::make_shared<Plan>(plan);
  for (PlanNode& node : copy->nodes) {
    for (auto& part : node.parts) {
      part = copy_plan(*part);
    }
  }
  return copy;
}

PlanNode* find(Plan& plan, std::uint64_t source) {
  for (PlanNode& node : plan.nodes) {
    if (node.source == source) {
      return &node;
    }
    for (const auto& part : node.parts) {
      if (PlanNode* inner = find(*part, source)) {
        return inner;
      }
    }
  }
  return nullptr;
}

std::shared_ptr<Graph> to_graph(const Plan& plan) {
  auto graph = std::make_shared<Graph>();
  std::vector<Node*> made;
  for (const PlanNode& entry : plan.nodes) {
    NodeWork work = entry.work;
    if (std::holds_alternative<ConditionalNode>(work)) {
      return nullptr;
    }
    if (auto* child = std::get_if<ChildNode>(&work)) {
      child->graph = to_graph(*entry.parts.front());
      if (child->graph == nullptr) {
        return nullptr;
      }
    }
    std::vector<Edge> dependencies;
    for (const std::uint32_t dependency : entry.dependencies) {
      const bool is_programmatic =
          entry.is_enabled && plan.nodes[dependency].is_enabled &&
          std::count(entry.programmatic.begin(), entry.programmatic.end(), dependency) != 0;
      dependencies.push_back(
          {made[dependency], is_programmatic ? kProgrammaticEdge : cudaGraphEdgeData{}});
    }
    Node* node = nullptr;
    if (graph->add(entry.is_enabled ? std::move(work) : NodeWork{EmptyNode{}}, dependencies,
                   &node) != cudaSuccess) {
      return nullptr;
    }
    made.push_back(node);
  }
  return graph->has_memory_nodes() ? nullptr : graph;
}

}  // namespace rackproof::emulator::engine::graph

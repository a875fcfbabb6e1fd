#include "emulator/engine/graph/graph.hpp"

#include "emulator/engine/graph/condition.hpp"

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>

namespace rackproof::emulator::engine::graph {
namespace {

struct Registry {
  std::recursive_mutex mutex;
  std::unordered_set<const Graph*> graphs;
  std::unordered_set<const Node*> nodes;
  std::unordered_map<const Graph*, std::shared_ptr<Graph>> owned;
  std::uint64_t next_id = 1;
};

Registry& registry() {
  static Registry* const instance = new Registry;  // leaked: see Core
  return *instance;
}

bool is_same(const cudaGraphEdgeData& a, const cudaGraphEdgeData& b) {
  return a.from_port == b.from_port && a.to_port == b.to_port && a.type == b.type;
}

auto find_edge(std::vector<Edge>& edges, const Node& node, const cudaGraphEdgeData& data) {
  return std::find_if(edges.begin(), edges.end(), [&](const Edge& edge) {
    return edge.node == &node && is_same(edge.data, data);
  });
}

// Only kernels have ports other than 0, and only a kernel may start before the other has ended
// (CUDA runtime API, cudaGraphEdgeData).
bool is_valid(const cudaGraphEdgeData& data, const Node& from, const NodeWork& to) {
  if (data.type == cudaGraphDependencyTypeDefault && data.from_port == 0 && data.to_port == 0) {
    return true;
  }
  return data.to_port == 0 && data.from_port <= cudaGraphKernelNodePortLaunchCompletion &&
         data.type <= cudaGraphDependencyTypeProgrammatic &&
         std::holds_alternative<KernelNode>(from.work) && std::holds_alternative<KernelNode>(to);
}

bool is_memory_node(const NodeWork& work) {
  return std::holds_alternative<AllocNode>(work) || std::holds_alternative<FreeNode>(work);
}

}  // namespace

std::recursive_mutex& graphs_mutex() {
  return registry().mutex;
}

Graph::Graph() {
  const std::scoped_lock lock(graphs_mutex());
  id_ = registry().next_id++;
  registry().graphs.insert(this);
}

Graph::~Graph() {
  const std::scoped_lock lock(graphs_mutex());
  for (const auto& node : nodes_) {
    registry().nodes.erase(node.get());
  }
  registry().graphs.erase(this);
}

cudaError_t Graph::add(NodeWork work, std::span<const Edge> dependencies, Node** node) {
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    const Edge& edge = dependencies[i];
    const bool is_repeated =
        std::any_of(dependencies.begin(), dependencies.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const Edge& other) { return other.node == edge.node; });
    if (edge.node == nullptr || edge.node->graph != this || is_repeated ||
        !is_valid(edge.data, *edge.node, work)) {
      return cudaErrorInvalidValue;
    }
  }
  auto entry = std::make_unique<Node>();
  entry->graph = this;
  entry->id = registry().next_id++;
  entry->work = std::move(work);
  entry->dependencies.assign(dependencies.begin(), dependencies.end());
  for (const Edge& edge : dependencies) {
    edge.node->dependents.push_back({entry.get(), edge.data});
  }
  if (const auto* child = std::get_if<ChildNode>(&entry->work)) {
    child->graph->set_part_of_another();
  }
  *node = entry.get();
  registry().nodes.insert(entry.get());
  nodes_.push_back(std::move(entry));
  return cudaSuccess;
}

cudaError_t Graph::connect(Node& from, Node& to, const cudaGraphEdgeData& data) {
  if (from.graph != this || to.graph != this || &from == &to || !is_valid(data, from, to.work) ||
      find_edge(from.dependents, to, data) != from.dependents.end()) {
    return cudaErrorInvalidValue;
  }
  from.dependents.push_back({&to, data});
  to.dependencies.push_back({&from, data});
  return cudaSuccess;
}

cudaError_t Graph::disconnect(Node& from, Node& to, const cudaGraphEdgeData& data) {
  if (has_memory_nodes()) {
    return cudaErrorNotSupported;
  }
  const auto forward = find_edge(from.dependents, to, data);
  if (from.graph != this || to.graph != this || forward == from.dependents.end()) {
    return cudaErrorInvalidValue;
  }
  from.dependents.erase(forward);
  to.dependencies.erase(find_edge(to.dependencies, from, data));
  return cudaSuccess;
}

cudaError_t Graph::remove(Node& node) {
  if (has_memory_nodes()) {
    return cudaErrorNotSupported;
  }
  for (const Edge& edge : node.dependencies) {
    std::erase_if(edge.node->dependents, [&](const Edge& other) { return other.node == &node; });
  }
  for (const Edge& edge : node.dependents) {
    std::erase_if(edge.node->dependencies, [&](const Edge& other) { return other.node == &node; });
  }
  registry().nodes.erase(&node);
  std::erase_if(nodes_, [&](const auto& entry) { return entry.get() == &node; });
  return cudaSuccess;
}

std::shared_ptr<Graph> Graph::clone() const {
  if (has_memory_nodes() || has_conditions()) {
    return nullptr;
  }
  auto copy = std::make_shared<Graph>();
  copy->origin_ = id_;
  copy->user_objects = user_objects;
  std::unordered_map<const Node*, Node*> twin;
  for (const auto& node : nodes_) {
    NodeWork work = node->work;
    if (auto* child = std::get_if<ChildNode>(&work)) {
      child->graph = child->graph->clone();
    }
    Node* added = nullptr;
    static_cast<void>(copy->add(std::move(work), {}, &added));
    added->origin = node->id;
    twin[node.get()] = added;
  }
  for (const auto& node : nodes_) {
    for (const Edge& edge : node->dependencies) {
      twin[node.get()]->dependencies.push_back({twin[edge.node], edge.data});
    }
    for (const Edge& edge : node->dependents) {
      twin[node.get()]->dependents.push_back({twin[edge.node], edge.data});
    }
  }
  return copy;
}

std::optional<std::vector<Node*>> Graph::topological_order() const {
  std::unordered_map<const Node*, std::size_t> open;
  const auto later = [](const Node* a, const Node* b) { return a->id > b->id; };
  std::priority_queue<Node*, std::vector<Node*>, decltype(later)> ready(later);
  for (const auto& node : nodes_) {
    open[node.get()] = node->dependencies.size();
    if (node->dependencies.empty()) {
      ready.push(node.get());
    }
  }
  std::vector<Node*> order;
  while (!ready.empty()) {
    Node* node = ready.top();
    ready.pop();
    order.push_back(node);
    for (const Edge& edge : node->dependents) {
      if (--open[edge.node] == 0) {
        ready.push(edge.node);
      }
    }
  }
  return order.size() == nodes_.size() ? std::optional(std::move(order)) : std::nullopt;
}

bool Graph::has_memory_nodes() const {
  return std::any_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
    const auto* child = std::get_if<ChildNode>(&node->work);
    return is_memory_node(node->work) || (child != nullptr && child->graph->has_memory_nodes());
  });
}

bool Graph::has_conditions() const {
  return std::any_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
    const auto* child = std::get_if<ChildNode>(&node->work);
    return std::holds_alternative<ConditionalNode>(node->work) ||
           (child != nullptr && child->graph->has_conditions());
  });
}

bool Graph::frees(const GraphAllocation& allocation) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    if (const auto* free = std::get_if<FreeNode>(&node->work)) {
      return free->allocation.get() == &allocation;
    }
    const auto* child = std::get_if<ChildNode>(&node->work);
    return child != nullptr && child->graph->frees(allocation);
  });
}

Graph* to_graph(cudaGraph_t handle) {
  auto* graph = reinterpret_cast<Graph*>(handle);
  return registry().graphs.contains(graph) ? graph : nullptr;
}

Node* to_node(cudaGraphNode_t handle) {
  auto* node = reinterpret_cast<Node*>(handle);
  return registry().nodes.contains(node) ? node : nullptr;
}

cudaGraph_t give_to_program(std::shared_ptr<Graph> graph) {
  const cudaGraph_t handle = handle_of(graph.get());
  registry().owned[graph.get()] = std::move(graph);
  return handle;
}

std::shared_ptr<Graph> owned_by_program(const Graph* graph) {
  const auto found = registry().owned.find(graph);
  return found == registry().owned.end() ? nullptr : found->second;
}

cudaError_t destroy_graph(cudaGraph_t handle) {
  const auto found = registry().owned.find(reinterpret_cast<Graph*>(handle));
  if (found == registry().owned.end()) {
    return cudaErrorInvalidValue;
  }
  const std::shared_ptr<Graph> last = std::move(found->second);
  registry().owned.erase(found);
  return cudaSuccess;
}

}  // namespace rackproof::emulator::engine::graph

#pragma once
/// Graphs: nodes and their dependencies, as programs build them. cudaGraph_t and cudaGraphNode_t
/// point to these. CUDA's graphs are not thread-safe; one lock guards all of them here, so that
/// misuse does not crash the emulator.

#include "emulator/engine/graph/user_object.hpp"
#include "emulator/engine/graph/work.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace rackproof::emulator::engine::graph {

struct Node;

/// From a kernel to one that may begin when it triggers that.
inline constexpr cudaGraphEdgeData kProgrammaticEdge = {
    cudaGraphKernelNodePortProgrammatic, 0, cudaGraphDependencyTypeProgrammatic, {}};

struct Edge {
  Node* node = nullptr;
  cudaGraphEdgeData data{};
};

struct Node {
  Graph* graph = nullptr;
  std::uint64_t id = 0;      ///< never used again
  std::uint64_t origin = 0;  ///< in a clone: the id of the node that it was made from
  NodeWork work;
  std::vector<Edge> dependencies;
  std::vector<Edge> dependents;
};

class Graph {
 public:
  Graph();
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// cudaErrorInvalidValue: a dependency is not of this graph, or named twice.
  cudaError_t add(NodeWork work, std::span<const Edge> dependencies, Node** node);
  cudaError_t connect(Node& from, Node& to, const cudaGraphEdgeData& data);
  cudaError_t disconnect(Node& from, Node& to, const cudaGraphEdgeData& data);
  cudaError_t remove(Node& node);
  /// A deep copy; child graphs are copied too. nullptr: nodes that cannot be cloned
  /// (cudaErrorNotSupported).
  [[nodiscard]] std::shared_ptr<Graph> clone() const;

  [[nodiscard]] const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  /// The nodes so that dependencies come first, in the order of their creation where that decides
  /// nothing; nullopt: there is a cycle.
  [[nodiscard]] std::optional<std::vector<Node*>> topological_order() const;
  /// Here or in a child graph.
  [[nodiscard]] bool has_memory_nodes() const;
  [[nodiscard]] bool has_conditions() const;
  [[nodiscard]] bool is_part_of_another() const { return is_part_; }
  void set_part_of_another() { is_part_ = true; }
  /// Freed by a node of this graph or of a child.
  [[nodiscard]] bool frees(const GraphAllocation& allocation) const;
  [[nodiscard]] std::uint64_t origin() const { return origin_; }
  [[nodiscard]] std::uint64_t id() const { return id_; }

  std::vector<UserObjectReference> user_objects;
  std::vector<std::shared_ptr<Condition>> conditions;  ///< created for this graph
  std::weak_ptr<void> executable;  ///< the instance of a graph that may have only one

 private:
  std::uint64_t id_;
  std::uint64_t origin_ = 0;
  bool is_part_ = false;
  std::vector<std::unique_ptr<Node>> nodes_;
};

/// Guards all graphs, executable graphs and captures.
[[nodiscard]] std::recursive_mutex& graphs_mutex();
/// Handles that programs hold; nullptr for anything else.
[[nodiscard]] Graph* to_graph(cudaGraph_t handle);
[[nodiscard]] Node* to_node(cudaGraphNode_t handle);
[[nodiscard]] inline cudaGraph_t handle_of(const Graph* graph) {
  return reinterpret_cast<cudaGraph_t>(const_cast<Graph*>(graph));
}
[[nodiscard]] inline cudaGraphNode_t handle_of(const Node* node) {
  return reinterpret_cast<cudaGraphNode_t>(const_cast<Node*>(node));
}
/// Keeps a graph until destroy_graph().
cudaGraph_t give_to_program(std::shared_ptr<Graph> graph);
/// The program's own reference to a graph; nullptr: it belongs to a node.
[[nodiscard]] std::shared_ptr<Graph> owned_by_program(const Graph* graph);
cudaError_t destroy_graph(cudaGraph_t handle);

/// Graphviz text of a graph (cudaGraphDebugDotPrint).
[[nodiscard]] std::string to_dot(const Graph& graph, unsigned flags);

}  // namespace rackproof::emulator::engine::graph

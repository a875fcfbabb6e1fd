#pragma once
/// Instantiated graphs: launched any number of times, and changed without being built again.
/// cudaGraphExec_t points to one.

#include "emulator/engine/graph/graph.hpp"
#include "emulator/engine/graph/plan.hpp"
#include "emulator/engine/stream.hpp"

#include <cuda_runtime_api.h>

#include <memory>
#include <vector>

namespace rackproof::emulator::engine::graph {

/// Callers hold graphs_mutex().
class Executable {
 public:
  /// Answers cudaErrorInvalidValue for cycles, cudaErrorNotSupported for a graph that may have one
  /// instance and has it.
  static cudaError_t instantiate(Graph& graph, unsigned long long flags,
                                 cudaGraphInstantiateResult& result,
                                 std::shared_ptr<Executable>& executable);

  /// In stream order, and after earlier launches of this executable. A capturing stream gets a
  /// child graph instead.
  cudaError_t launch(Stream& stream);
  /// Later launches do `work` instead; cudaErrorInvalidValue: not a node of this executable, or a
  /// change that only a new instance can make.
  cudaError_t set_work(const Node& node, NodeWork work);
  cudaError_t set_child(const Node& node, const Graph& child);
  cudaError_t set_enabled(const Node& node, bool is_enabled);
  cudaError_t get_enabled(const Node& node, bool& is_enabled) const;
  /// Takes all parameters of a graph of the same shape.
  cudaError_t update(const Graph& graph, cudaGraphExecUpdateResultInfo& result);

  [[nodiscard]] unsigned long long flags() const { return flags_; }
  /// The work that launches do now for a node; nullptr: not of this executable.
  [[nodiscard]] const NodeWork* work_of(const Node& node) const;

 private:
  /// Launches in progress keep the plan they began with.
  Plan& writable();
  cudaError_t account_memory();

  std::shared_ptr<Plan> plan_;
  unsigned long long flags_ = 0;
  TicketPtr last_launch_;
  std::vector<UserObjectReference> user_objects_;
  std::vector<std::shared_ptr<Condition>> conditions_;
};

[[nodiscard]] Executable* to_executable(cudaGraphExec_t handle);
cudaGraphExec_t give_to_program(std::shared_ptr<Executable> executable);
cudaError_t destroy_executable(cudaGraphExec_t handle);

}  // namespace rackproof::emulator::engine::graph

#pragma once
/// Making the work of graph nodes and putting it into graphs.

#include "emulator/api/cudart/graph_call.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <utility>
#include <variant>
#include <vector>

namespace rackproof::emulator::api {

// Each makes the work of one kind of node from what the program gave.
cudaError_t child_work(cudaGraph_t handle, cudaGraphChildGraphNodeOwnership ownership,
                       engine::graph::NodeWork& work);
/// Reserves addresses; `parameters.dptr` is set.
cudaError_t allocation_work(cudaMemAllocNodeParams& parameters, engine::graph::NodeWork& work);
cudaError_t allocation_work(cudaMemAllocNodeParamsV2& parameters, engine::graph::NodeWork& work);
cudaError_t release_work(const void* address, engine::graph::NodeWork& work);
/// `Work`: EventRecordNode or EventWaitNode.
template <typename Work>
cudaError_t event_work(cudaEvent_t event, engine::graph::NodeWork& work);
cudaError_t host_work(cudaHostFn_t function, void* data, engine::graph::NodeWork& work);

[[nodiscard]] int current_ordinal();

/// Adds what `make(graph, work)` makes; the work is made before the dependencies are looked at.
template <typename Make>
cudaError_t add(const char* name, cudaGraphNode_t* node, cudaGraph_t handle,
                const cudaGraphNode_t* dependencies, const cudaGraphEdgeData* data,
                std::size_t count, Make&& make) {
  return with_graph(name, handle, [&](engine::graph::Graph& graph) {
    std::vector<engine::graph::Edge> edges;
    if (node == nullptr || read_edges(dependencies, data, count, edges) != cudaSuccess) {
      return cudaErrorInvalidValue;
    }
    engine::graph::NodeWork work;
    if (const cudaError_t error = make(graph, work); error != cudaSuccess) {
      return error;
    }
    if (const auto* free = std::get_if<engine::graph::FreeNode>(&work);
        free != nullptr && graph.frees(*free->allocation)) {
      return cudaErrorInvalidValue;
    }
    engine::graph::Node* added = nullptr;
    const cudaError_t error = graph.add(std::move(work), edges, &added);
    *node = engine::graph::handle_of(added);
    return error;
  });
}

/// Replaces the work of a node by what `make` makes, of the same kind.
template <typename Make>
cudaError_t set(const char* name, cudaGraphNode_t handle, Make&& make) {
  return with_node(name, handle, [&](engine::graph::Node& node) {
    engine::graph::NodeWork work;
    const cudaError_t error = make(node.work, work);
    if (error == cudaSuccess && work.index() != node.work.index()) {
      return cudaErrorInvalidValue;
    }
    if (error == cudaSuccess) {
      node.work = std::move(work);
    }
    return error;
  });
}

}  // namespace rackproof::emulator::api

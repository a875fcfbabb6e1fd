#pragma once
/// What the graph functions of the runtime API share.

#include "emulator/api/common/api_call.hpp"
#include "emulator/engine/graph/executable.hpp"
#include "emulator/engine/graph/graph.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace rackproof::emulator::api {

/// Runs `body` with all graphs to itself.
template <typename Body>
cudaError_t graph_call(const char* name, Body&& body) noexcept {
  return api_call(name, [&](engine::Core& core) {
    const std::scoped_lock lock(engine::graph::graphs_mutex());
    return std::forward<Body>(body)(core);
  });
}

template <typename Body>
cudaError_t with_graph(const char* name, cudaGraph_t handle, Body&& body) noexcept {
  return graph_call(name, [&](engine::Core&) {
    engine::graph::Graph* graph = engine::graph::to_graph(handle);
    return graph == nullptr ? cudaErrorInvalidValue : std::forward<Body>(body)(*graph);
  });
}

template <typename Body>
cudaError_t with_node(const char* name, cudaGraphNode_t handle, Body&& body) noexcept {
  return graph_call(name, [&](engine::Core&) {
    engine::graph::Node* node = engine::graph::to_node(handle);
    return node == nullptr ? cudaErrorInvalidValue : std::forward<Body>(body)(*node);
  });
}

/// A node whose work is a `Work`.
template <typename Work, typename Body>
cudaError_t with_work(const char* name, cudaGraphNode_t handle, Body&& body) noexcept {
  return with_node(name, handle, [&](engine::graph::Node& node) {
    auto* work = std::get_if<Work>(&node.work);
    return work == nullptr ? cudaErrorInvalidValue : std::forward<Body>(body)(node, *work);
  });
}

template <typename Body>
cudaError_t with_executable(const char* name, cudaGraphExec_t handle, Body&& body) noexcept {
  return graph_call(name, [&](engine::Core&) {
    engine::graph::Executable* executable = engine::graph::to_executable(handle);
    return executable == nullptr ? cudaErrorInvalidValue : std::forward<Body>(body)(*executable);
  });
}

template <typename Body>
cudaError_t with_node_of(const char* name, cudaGraphExec_t handle, cudaGraphNode_t node_handle,
                         Body&& body) noexcept {
  return with_executable(name, handle, [&](engine::graph::Executable& executable) {
    engine::graph::Node* node = engine::graph::to_node(node_handle);
    return node == nullptr ? cudaErrorInvalidValue : std::forward<Body>(body)(executable, *node);
  });
}

/// Nodes and, where there are any, annotations of the edges to them.
cudaError_t read_edges(const cudaGraphNode_t* nodes, const cudaGraphEdgeData* data,
                       std::size_t count, std::vector<engine::graph::Edge>& edges);

/// CUDA's way of listing: nullptr asks for the number; else up to *count entries are written, those
/// beyond the last are cleared, and *count is the number written.
template <typename Items, typename Write>
void write_list(const Items& items, bool asks_for_number, std::size_t* count, Write&& write) {
  const std::size_t room = *count;
  *count = items.size();
  if (asks_for_number) {
    return;
  }
  for (std::size_t i = 0; i < room; ++i) {
    write(i, i < items.size() ? &items[i] : nullptr);
  }
  *count = items.size() < room ? items.size() : room;
}

/// [offset, offset + bytes) of a __device__ variable on a device.
cudaError_t symbol_range(const void* symbol, std::size_t bytes, std::size_t offset, int device,
                         void** address);
/// A one-dimensional copy as CUDA's box.
[[nodiscard]] cudaMemcpy3DParms line(void* destination, const void* source, std::size_t bytes,
                                     cudaMemcpyKind kind);

/// The work of a copy to or from a __device__ variable on the current device.
cudaError_t copy_to_symbol(const void* symbol, const void* from, std::size_t bytes,
                           std::size_t offset, cudaMemcpyKind kind, engine::graph::NodeWork& work);
cudaError_t copy_from_symbol(void* to, const void* symbol, std::size_t bytes, std::size_t offset,
                             cudaMemcpyKind kind, engine::graph::NodeWork& work);

/// From cudaGraphAddNode's parameters. For conditions and allocations the out-parameters are set.
/// `old`: the work that is to be replaced, or nullptr for a new node.
cudaError_t read_parameters(cudaGraphNodeParams& parameters, const engine::graph::NodeWork* old,
                            engine::graph::NodeWork& work);

}  // namespace rackproof::emulator::api

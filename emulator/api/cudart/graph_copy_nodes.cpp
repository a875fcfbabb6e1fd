// Nodes: copies and fills.

#include "emulator/api/cudart/graph_node_call.hpp"

#include <cuda_runtime_api.h>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::add;
using api::set;
using api::with_work;
using engine::graph::CopyNode;
using engine::graph::FillNode;
using engine::graph::Graph;
using engine::graph::Node;
using engine::graph::NodeWork;

extern "C" {

cudaError_t cudaGraphAddMemcpyNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* dependencies, std::size_t count,
                                   const cudaMemcpy3DParms* box) {
  return add("cudaGraphAddMemcpyNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return box == nullptr ? cudaErrorInvalidValue : engine::graph::copy_work(*box, work);
             });
}
cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t* node, cudaGraph_t graph,
                                     const cudaGraphNode_t* dependencies, std::size_t count,
                                     void* to, const void* from, std::size_t bytes,
                                     cudaMemcpyKind kind) {
  return add("cudaGraphAddMemcpyNode1D", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return engine::graph::copy_work(api::line(to, from, bytes, kind), work);
             });
}
cudaError_t cudaGraphAddMemcpyNodeToSymbol(cudaGraphNode_t* node, cudaGraph_t graph,
                                           const cudaGraphNode_t* dependencies, std::size_t count,
                                           const void* symbol, const void* from, std::size_t bytes,
                                           std::size_t offset, cudaMemcpyKind kind) {
  return add("cudaGraphAddMemcpyNodeToSymbol", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return api::copy_to_symbol(symbol, from, bytes, offset, kind, work);
             });
}
cudaError_t cudaGraphAddMemcpyNodeFromSymbol(cudaGraphNode_t* node, cudaGraph_t graph,
                                             const cudaGraphNode_t* dependencies, std::size_t count,
                                             void* to, const void* symbol, std::size_t bytes,
                                             std::size_t offset, cudaMemcpyKind kind) {
  return add("cudaGraphAddMemcpyNodeFromSymbol", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return api::copy_from_symbol(to, symbol, bytes, offset, kind, work);
             });
}
cudaError_t cudaGraphMemcpyNodeGetParams(cudaGraphNode_t node, cudaMemcpy3DParms* box) {
  return with_work<CopyNode>("cudaGraphMemcpyNodeGetParams", node, [&](Node&, CopyNode& copy) {
    *box = copy.box;
    return cudaSuccess;
  });
}
cudaError_t cudaGraphMemcpyNodeSetParams(cudaGraphNode_t node, const cudaMemcpy3DParms* box) {
  return set("cudaGraphMemcpyNodeSetParams", node, [&](const NodeWork&, NodeWork& work) {
    return box == nullptr ? cudaErrorInvalidValue : engine::graph::copy_work(*box, work);
  });
}
cudaError_t cudaGraphMemcpyNodeSetParams1D(cudaGraphNode_t node, void* to, const void* from,
                                           std::size_t bytes, cudaMemcpyKind kind) {
  return set("cudaGraphMemcpyNodeSetParams1D", node, [&](const NodeWork&, NodeWork& work) {
    return engine::graph::copy_work(api::line(to, from, bytes, kind), work);
  });
}
cudaError_t cudaGraphMemcpyNodeSetParamsToSymbol(cudaGraphNode_t node, const void* symbol,
                                                 const void* from, std::size_t bytes,
                                                 std::size_t offset, cudaMemcpyKind kind) {
  return set("cudaGraphMemcpyNodeSetParamsToSymbol", node, [&](const NodeWork&, NodeWork& work) {
    return api::copy_to_symbol(symbol, from, bytes, offset, kind, work);
  });
}
cudaError_t cudaGraphMemcpyNodeSetParamsFromSymbol(cudaGraphNode_t node, void* to,
                                                   const void* symbol, std::size_t bytes,
                                                   std::size_t offset, cudaMemcpyKind kind) {
  return set("cudaGraphMemcpyNodeSetParamsFromSymbol", node, [&](const NodeWork&, NodeWork& work) {
    return api::copy_from_symbol(to, symbol, bytes, offset, kind, work);
  });
}

cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* dependencies, std::size_t count,
                                   const cudaMemsetParams* parameters) {
  return add("cudaGraphAddMemsetNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return parameters == nullptr ? cudaErrorInvalidValue
                                            : engine::graph::fill_work(*parameters, work);
             });
}
cudaError_t cudaGraphMemsetNodeGetParams(cudaGraphNode_t node, cudaMemsetParams* parameters) {
  return with_work<FillNode>("cudaGraphMemsetNodeGetParams", node, [&](Node&, FillNode& fill) {
    *parameters = fill.parameters;
    return cudaSuccess;
  });
}
cudaError_t cudaGraphMemsetNodeSetParams(cudaGraphNode_t node, const cudaMemsetParams* parameters) {
  return set("cudaGraphMemsetNodeSetParams", node, [&](const NodeWork&, NodeWork& work) {
    return parameters == nullptr ? cudaErrorInvalidValue
                                 : engine::graph::fill_work(*parameters, work);
  });
}

}  // extern "C"

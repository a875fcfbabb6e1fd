// Driver: graphs and stream capture: the runtime's, whose handles are the same.

#include "emulator/api/cuda/forward.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

using rackproof::emulator::api::forward;

namespace {

// A CUfunction may stand where the runtime takes a kernel.
cudaKernelNodeParams to_runtime(const CUDA_KERNEL_NODE_PARAMS& from) {
  cudaKernelNodeParams to{};
  to.func = from.func != nullptr ? static_cast<void*>(from.func) : static_cast<void*>(from.kern);
  to.gridDim = {from.gridDimX, from.gridDimY, from.gridDimZ};
  to.blockDim = {from.blockDimX, from.blockDimY, from.blockDimZ};
  to.sharedMemBytes = from.sharedMemBytes;
  to.kernelParams = from.kernelParams;
  to.extra = from.extra;
  return to;
}

cudaMemsetParams to_runtime(const CUDA_MEMSET_NODE_PARAMS& from) {
  cudaMemsetParams to{};
  to.dst = reinterpret_cast<void*>(from.dst);
  to.pitch = from.pitch;
  to.value = from.value;
  to.elementSize = from.elementSize;
  to.width = from.width;
  to.height = from.height;
  return to;
}

}  // namespace

extern "C" {

CUresult cuGraphCreate(CUgraph* graph, unsigned flags) {
  return forward("cuGraphCreate", [&] { return cudaGraphCreate(graph, flags); });
}
CUresult cuGraphDestroy(CUgraph graph) {
  return forward("cuGraphDestroy", [&] { return cudaGraphDestroy(graph); });
}
CUresult cuGraphClone(CUgraph* clone, CUgraph graph) {
  return forward("cuGraphClone", [&] { return cudaGraphClone(clone, graph); });
}
CUresult cuGraphAddKernelNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                              std::size_t count, const CUDA_KERNEL_NODE_PARAMS* parameters) {
  return forward("cuGraphAddKernelNode", [&] {
    const cudaKernelNodeParams own = to_runtime(*parameters);
    return cudaGraphAddKernelNode(node, graph, dependencies, count, &own);
  });
}
CUresult cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS* parameters) {
  return forward("cuGraphKernelNodeSetParams", [&] {
    const cudaKernelNodeParams own = to_runtime(*parameters);
    return cudaGraphKernelNodeSetParams(node, &own);
  });
}
CUresult cuGraphExecKernelNodeSetParams(CUgraphExec executable, CUgraphNode node,
                                        const CUDA_KERNEL_NODE_PARAMS* parameters) {
  return forward("cuGraphExecKernelNodeSetParams", [&] {
    const cudaKernelNodeParams own = to_runtime(*parameters);
    return cudaGraphExecKernelNodeSetParams(executable, node, &own);
  });
}
CUresult cuGraphAddMemsetNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                              std::size_t count, const CUDA_MEMSET_NODE_PARAMS* parameters,
                              CUcontext /*context*/) {
  return forward("cuGraphAddMemsetNode", [&] {
    const cudaMemsetParams own = to_runtime(*parameters);
    return cudaGraphAddMemsetNode(node, graph, dependencies, count, &own);
  });
}
CUresult cuGraphAddHostNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                            std::size_t count, const CUDA_HOST_NODE_PARAMS* parameters) {
  return forward("cuGraphAddHostNode", [&] {
    const cudaHostNodeParams own{parameters->fn, parameters->userData};
    return cudaGraphAddHostNode(node, graph, dependencies, count, &own);
  });
}
CUresult cuGraphAddEmptyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                             std::size_t count) {
  return forward("cuGraphAddEmptyNode",
                 [&] { return cudaGraphAddEmptyNode(node, graph, dependencies, count); });
}
CUresult cuGraphAddChildGraphNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                  std::size_t count, CUgraph child) {
  return forward("cuGraphAddChildGraphNode", [&] {
    return cudaGraphAddChildGraphNode(node, graph, dependencies, count, child);
  });
}
CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                   const CUgraphEdgeData* edges, std::size_t count) {
  static_assert(sizeof(CUgraphEdgeData) == sizeof(cudaGraphEdgeData));
  return forward("cuGraphAddDependencies", [&] {
    return cudaGraphAddDependencies(graph, from, to,
                                    reinterpret_cast<const cudaGraphEdgeData*>(edges), count);
  });
}
CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
  return forward("cuGraphNodeGetType", [&] {
    return cudaGraphNodeGetType(node, reinterpret_cast<cudaGraphNodeType*>(type));
  });
}
CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, std::size_t* count) {
  return forward("cuGraphGetNodes", [&] { return cudaGraphGetNodes(graph, nodes, count); });
}
CUresult cuGraphGetRootNodes(CUgraph graph, CUgraphNode* nodes, std::size_t* count) {
  return forward("cuGraphGetRootNodes", [&] { return cudaGraphGetRootNodes(graph, nodes, count); });
}
CUresult cuGraphDestroyNode(CUgraphNode node) {
  return forward("cuGraphDestroyNode", [&] { return cudaGraphDestroyNode(node); });
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph,
                                     unsigned long long flags) {
  return forward("cuGraphInstantiateWithFlags",
                 [&] { return cudaGraphInstantiateWithFlags(executable, graph, flags); });
}
CUresult cuGraphExecDestroy(CUgraphExec executable) {
  return forward("cuGraphExecDestroy", [&] { return cudaGraphExecDestroy(executable); });
}
CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  return forward("cuGraphLaunch", [&] { return cudaGraphLaunch(executable, stream); });
}
CUresult cuGraphUpload(CUgraphExec executable, CUstream stream) {
  return forward("cuGraphUpload", [&] { return cudaGraphUpload(executable, stream); });
}
CUresult cuGraphExecUpdate_v2(CUgraphExec executable, CUgraph graph,
                              CUgraphExecUpdateResultInfo* result) {
  static_assert(sizeof(CUgraphExecUpdateResultInfo) == sizeof(cudaGraphExecUpdateResultInfo));
  return forward("cuGraphExecUpdate", [&] {
    return cudaGraphExecUpdate(executable, graph,
                               reinterpret_cast<cudaGraphExecUpdateResultInfo*>(result));
  });
}

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  return forward("cuStreamBeginCapture", [&] {
    return cudaStreamBeginCapture(stream, static_cast<cudaStreamCaptureMode>(mode));
  });
}
CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  return forward("cuStreamEndCapture", [&] { return cudaStreamEndCapture(stream, graph); });
}
CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
  return forward("cuStreamIsCapturing", [&] {
    return cudaStreamIsCapturing(stream, reinterpret_cast<cudaStreamCaptureStatus*>(status));
  });
}
CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  return forward("cuThreadExchangeStreamCaptureMode", [&] {
    return cudaThreadExchangeStreamCaptureMode(reinterpret_cast<cudaStreamCaptureMode*>(mode));
  });
}

}  // extern "C"

// Nodes that allocate and free, and the memory that graphs of a device hold.

#include "emulator/api/cudart/graph_node_call.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::add;
using api::with_work;
using engine::graph::AllocNode;
using engine::graph::FreeNode;
using engine::graph::Graph;
using engine::graph::Node;
using engine::graph::NodeWork;

extern "C" {

cudaError_t cudaGraphAddMemAllocNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                     const cudaGraphNode_t* dependencies, std::size_t count,
                                     cudaMemAllocNodeParams* parameters) {
  return add("cudaGraphAddMemAllocNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return parameters == nullptr ? cudaErrorInvalidValue
                                            : api::allocation_work(*parameters, work);
             });
}
cudaError_t cudaGraphMemAllocNodeGetParams(cudaGraphNode_t node,
                                           cudaMemAllocNodeParams* parameters) {
  return with_work<AllocNode>("cudaGraphMemAllocNodeGetParams", node, [&](Node&, AllocNode& alloc) {
    *parameters = alloc.parameters;
    return cudaSuccess;
  });
}
cudaError_t cudaGraphAddMemFreeNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                    const cudaGraphNode_t* dependencies, std::size_t count,
                                    void* address) {
  return add("cudaGraphAddMemFreeNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) { return api::release_work(address, work); });
}
cudaError_t cudaGraphMemFreeNodeGetParams(cudaGraphNode_t node, void* address) {
  return with_work<FreeNode>("cudaGraphMemFreeNodeGetParams", node, [&](Node&, FreeNode& free) {
    *static_cast<void**>(address) = free.allocation->address;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetGraphMemAttribute(int device, cudaGraphMemAttributeType attribute,
                                           void* value) {
  return api::query_call("cudaDeviceGetGraphMemAttribute", [&](engine::Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    if (value == nullptr || attribute > cudaGraphMemAttrReservedMemHigh) {
      return cudaErrorInvalidValue;
    }
    *static_cast<std::uint64_t*>(value) = engine::graph::memory_attribute(device, attribute);
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceSetGraphMemAttribute(int device, cudaGraphMemAttributeType attribute,
                                           void* value) {
  return api::query_call("cudaDeviceSetGraphMemAttribute", [&](engine::Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    // High watermarks alone can be set, and only back to zero.
    if (value == nullptr || *static_cast<const std::uint64_t*>(value) != 0 ||
        (attribute != cudaGraphMemAttrUsedMemHigh &&
         attribute != cudaGraphMemAttrReservedMemHigh)) {
      return cudaErrorInvalidValue;
    }
    engine::graph::reset_high_watermark(device, attribute);
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGraphMemTrim(int device) {
  return api::query_call("cudaDeviceGraphMemTrim", [&](engine::Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    engine::graph::trim(core.device(device));
    return cudaSuccess;
  });
}

}  // extern "C"

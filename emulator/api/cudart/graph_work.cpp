// The work of graph nodes, from the parameters of the runtime API.

#include "emulator/api/cudart/graph_node_call.hpp"
#include "emulator/engine/events.hpp"

#include <cuda_runtime_api.h>

#include <memory>

namespace rackproof::emulator::api {

using engine::graph::Graph;
using engine::graph::NodeWork;

namespace {

template <typename Parameters>
cudaError_t reserve_allocation(Parameters& parameters, NodeWork& work) {
  const auto& properties = parameters.poolProps;
  const engine::Core& core = engine::Core::instance();
  if (properties.allocType != cudaMemAllocationTypePinned ||
      properties.location.type != cudaMemLocationTypeDevice ||
      properties.handleTypes != cudaMemHandleTypeNone || !core.is_device(properties.location.id) ||
      (parameters.accessDescCount != 0 && parameters.accessDescs == nullptr)) {
    return cudaErrorInvalidValue;
  }
  engine::graph::AllocNode node;
  const cudaError_t error =
      engine::graph::reserve(engine::Core::instance().device(properties.location.id),
                             parameters.bytesize, node.allocation);
  if (error != cudaSuccess) {
    return error;
  }
  parameters.dptr = node.allocation->address;
  node.parameters.poolProps = properties;
  node.parameters.bytesize = parameters.bytesize;
  node.parameters.dptr = parameters.dptr;
  work = std::move(node);
  return cudaSuccess;
}

}  // namespace

cudaError_t symbol_range(const void* symbol, std::size_t bytes, std::size_t offset, int device,
                         void** address) {
  const auto variable = engine::Core::instance().modules().find_variable(symbol);
  if (!variable) {
    return cudaErrorInvalidSymbol;
  }
  std::uint64_t size = 0;
  const cudaError_t error = engine::find_symbol(*variable, device, address, &size);
  if (error != cudaSuccess) {
    return error;
  }
  if (offset > size || bytes > size - offset) {
    return cudaErrorInvalidValue;
  }
  *address = static_cast<std::byte*>(*address) + offset;
  return cudaSuccess;
}

cudaMemcpy3DParms line(void* destination, const void* source, std::size_t bytes,
                       cudaMemcpyKind kind) {
  cudaMemcpy3DParms box{};
  box.dstPtr = {destination, bytes, bytes, 1};
  box.srcPtr = {const_cast<void*>(source), bytes, bytes, 1};
  box.extent = {bytes, 1, 1};
  box.kind = kind;
  return box;
}

cudaError_t copy_to_symbol(const void* symbol, const void* from, std::size_t bytes,
                           std::size_t offset, cudaMemcpyKind kind, NodeWork& work) {
  void* place = nullptr;
  const cudaError_t error = symbol_range(symbol, bytes, offset, current_ordinal(), &place);
  return error != cudaSuccess ? error
                              : engine::graph::copy_work(line(place, from, bytes, kind), work);
}
cudaError_t copy_from_symbol(void* to, const void* symbol, std::size_t bytes, std::size_t offset,
                             cudaMemcpyKind kind, NodeWork& work) {
  void* place = nullptr;
  const cudaError_t error = symbol_range(symbol, bytes, offset, current_ordinal(), &place);
  return error != cudaSuccess ? error
                              : engine::graph::copy_work(line(to, place, bytes, kind), work);
}

cudaError_t child_work(cudaGraph_t handle, cudaGraphChildGraphNodeOwnership ownership,
                       NodeWork& work) {
  const Graph* child = engine::graph::to_graph(handle);
  if (child == nullptr) {
    return cudaErrorInvalidValue;
  }
  std::shared_ptr<Graph> owned;
  if (ownership == cudaGraphChildGraphOwnershipMove) {
    owned = engine::graph::owned_by_program(child);
    if (owned == nullptr || child->has_conditions() || child->is_part_of_another()) {
      return cudaErrorInvalidValue;
    }
    static_cast<void>(engine::graph::destroy_graph(handle));
  } else {
    owned = child->clone();
    if (owned == nullptr) {
      return cudaErrorNotSupported;
    }
  }
  work = engine::graph::ChildNode{std::move(owned)};
  return cudaSuccess;
}

cudaError_t allocation_work(cudaMemAllocNodeParams& parameters, NodeWork& work) {
  return reserve_allocation(parameters, work);
}
cudaError_t allocation_work(cudaMemAllocNodeParamsV2& parameters, NodeWork& work) {
  return reserve_allocation(parameters, work);
}

cudaError_t release_work(const void* address, NodeWork& work) {
  auto allocation = engine::graph::find_allocation(address);
  if (allocation == nullptr) {
    return cudaErrorInvalidValue;
  }
  work = engine::graph::FreeNode{std::move(allocation)};
  return cudaSuccess;
}

template <typename Work>
cudaError_t event_work(cudaEvent_t event, NodeWork& work) {
  if (!engine::is_event(event)) {
    return cudaErrorInvalidResourceHandle;
  }
  work = Work{event};
  return cudaSuccess;
}
template cudaError_t event_work<engine::graph::EventRecordNode>(cudaEvent_t, NodeWork&);
template cudaError_t event_work<engine::graph::EventWaitNode>(cudaEvent_t, NodeWork&);

cudaError_t host_work(cudaHostFn_t function, void* data, NodeWork& work) {
  work = engine::graph::HostNode{function, data};
  return function == nullptr ? cudaErrorInvalidValue : cudaSuccess;
}

int current_ordinal() {
  return engine::current_device().ordinal;
}

cudaError_t read_parameters(cudaGraphNodeParams& parameters, const NodeWork* old, NodeWork& work) {
  switch (parameters.type) {
    case cudaGraphNodeTypeKernel: {
      const auto& kernel = parameters.kernel;
      const auto* before = old != nullptr ? std::get_if<engine::graph::KernelNode>(old) : nullptr;
      const cudaKernelNodeParams plain{kernel.func,           kernel.gridDim,      kernel.blockDim,
                                       kernel.sharedMemBytes, kernel.kernelParams, kernel.extra};
      return engine::graph::kernel_work(
          plain, before != nullptr ? before->device : current_ordinal(),
          before != nullptr ? before->attributes : engine::graph::LaunchAttributes{}, work);
    }
    case cudaGraphNodeTypeMemcpy:
      return parameters.memcpy.flags != 0
                 ? cudaErrorInvalidValue
                 : engine::graph::copy_work(parameters.memcpy.copyParams, work);
    case cudaGraphNodeTypeMemset: {
      const auto& fill = parameters.memset;
      return engine::graph::fill_work(
          {fill.dst, fill.pitch, fill.value, fill.elementSize, fill.width, fill.height}, work);
    }
    case cudaGraphNodeTypeHost:
      return host_work(parameters.host.fn, parameters.host.userData, work);
    case cudaGraphNodeTypeGraph:
      return child_work(parameters.graph.graph, parameters.graph.ownership, work);
    case cudaGraphNodeTypeEmpty:
      work = engine::graph::EmptyNode{};
      return cudaSuccess;
    case cudaGraphNodeTypeWaitEvent:
      return event_work<engine::graph::EventWaitNode>(parameters.eventWait.event, work);
    case cudaGraphNodeTypeEventRecord:
      return event_work<engine::graph::EventRecordNode>(parameters.eventRecord.event, work);
    case cudaGraphNodeTypeMemAlloc:
      return old != nullptr ? cudaErrorNotSupported : allocation_work(parameters.alloc, work);
    case cudaGraphNodeTypeMemFree:
      return old != nullptr ? cudaErrorNotSupported : release_work(parameters.free.dptr, work);
    default:
      return cudaErrorNotSupported;
  }
}

}  // namespace rackproof::emulator::api

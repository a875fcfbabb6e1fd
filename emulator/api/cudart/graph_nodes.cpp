// Nodes: adding them and their parameters, one pair of functions a kind.

#include "emulator/api/cudart/graph_call.hpp"
#include "emulator/engine/events.hpp"
#include "emulator/engine/graph/condition.hpp"

#include <cuda_runtime_api.h>

#include <array>

namespace rackproof::emulator::api {

using engine::graph::Graph;
using engine::graph::handle_of;
using engine::graph::Node;
using engine::graph::NodeWork;

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

namespace {

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

template <typename Parameters>
cudaError_t allocation_work(Parameters& parameters, NodeWork& work) {
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

cudaError_t release_work(const void* address, NodeWork& work) {
  auto allocation = engine::graph::find_allocation(address);
  if (allocation == nullptr) {
    return cudaErrorInvalidValue;
  }
  work = engine::graph::FreeNode{std::move(allocation)};
  return cudaSuccess;
}

cudaError_t conditional_work(Graph& graph, cudaConditionalNodeParams& parameters, NodeWork& work) {
  engine::graph::ConditionalNode node;
  for (const auto& condition : graph.conditions) {
    if (condition->handle == parameters.handle && !condition->has_node) {
      node.condition = condition;
    }
  }
  const unsigned size = parameters.size;
  const bool fits = parameters.type == cudaGraphCondTypeIf      ? size == 1 || size == 2
                    : parameters.type == cudaGraphCondTypeWhile ? size == 1
                                                                : size > 0;
  if (node.condition == nullptr || !fits || parameters.type > cudaGraphCondTypeSwitch) {
    return cudaErrorInvalidValue;
  }
  node.condition->has_node = true;
  node.type = parameters.type;
  for (unsigned i = 0; i < size; ++i) {
    node.bodies.push_back(std::make_shared<Graph>());
    node.bodies.back()->set_part_of_another();
    node.handles.push_back(handle_of(node.bodies.back().get()));
  }
  work = std::move(node);
  return cudaSuccess;
}

cudaError_t event_work(bool is_record, cudaEvent_t event, NodeWork& work) {
  if (!engine::is_event(event)) {
    return cudaErrorInvalidResourceHandle;
  }
  work = is_record ? NodeWork{engine::graph::EventRecordNode{event}}
                   : NodeWork{engine::graph::EventWaitNode{event}};
  return cudaSuccess;
}

cudaError_t host_work(cudaHostFn_t function, void* data, NodeWork& work) {
  work = engine::graph::HostNode{function, data};
  return function == nullptr ? cudaErrorInvalidValue : cudaSuccess;
}

int current_ordinal() {
  return engine::current_device().ordinal;
}

// Adds what `make` makes; the work is made before the dependencies are looked at.
template <typename Make>
cudaError_t add(const char* name, cudaGraphNode_t* node, cudaGraph_t handle,
                const cudaGraphNode_t* dependencies, const cudaGraphEdgeData* data,
                std::size_t count, Make&& make) {
  return with_graph(name, handle, [&](Graph& graph) {
    std::vector<engine::graph::Edge> edges;
    if (node == nullptr || read_edges(dependencies, data, count, edges) != cudaSuccess) {
      return cudaErrorInvalidValue;
    }
    NodeWork work;
    if (const cudaError_t error = make(graph, work); error != cudaSuccess) {
      return error;
    }
    if (const auto* free = std::get_if<engine::graph::FreeNode>(&work);
        free != nullptr && graph.frees(*free->allocation)) {
      return cudaErrorInvalidValue;
    }
    Node* added = nullptr;
    const cudaError_t error = graph.add(std::move(work), edges, &added);
    *node = handle_of(added);
    return error;
  });
}

// Replaces the work of a node by what `make` makes, of the same kind.
template <typename Make>
cudaError_t set(const char* name, cudaGraphNode_t handle, Make&& make) {
  return with_node(name, handle, [&](Node& node) {
    NodeWork work;
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

engine::graph::LaunchAttributes attributes_of(const NodeWork& work) {
  const auto* kernel = std::get_if<engine::graph::KernelNode>(&work);
  return kernel != nullptr ? kernel->attributes : engine::graph::LaunchAttributes{};
}

}  // namespace

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
      return event_work(false, parameters.eventWait.event, work);
    case cudaGraphNodeTypeEventRecord:
      return event_work(true, parameters.eventRecord.event, work);
    case cudaGraphNodeTypeMemAlloc:
      return old != nullptr ? cudaErrorNotSupported : allocation_work(parameters.alloc, work);
    case cudaGraphNodeTypeMemFree:
      return old != nullptr ? cudaErrorNotSupported : release_work(parameters.free.dptr, work);
    default:
      return cudaErrorNotSupported;
  }
}

}  // namespace rackproof::emulator::api

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::add;
using api::current_ordinal;
using api::set;
using api::with_work;
using engine::graph::AllocNode;
using engine::graph::ChildNode;
using engine::graph::ConditionalNode;
using engine::graph::CopyNode;
using engine::graph::EventRecordNode;
using engine::graph::EventWaitNode;
using engine::graph::FillNode;
using engine::graph::FreeNode;
using engine::graph::Graph;
using engine::graph::handle_of;
using engine::graph::HostNode;
using engine::graph::KernelNode;
using engine::graph::Node;
using engine::graph::NodeWork;

extern "C" {

cudaError_t cudaGraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph,
                             const cudaGraphNode_t* dependencies, const cudaGraphEdgeData* data,
                             std::size_t count, cudaGraphNodeParams* parameters) {
  const cudaError_t error =
      add("cudaGraphAddNode", node, graph, dependencies, data, count,
          [&](Graph& target, NodeWork& work) {
            if (parameters == nullptr) {
              return cudaErrorInvalidValue;
            }
            return parameters->type == cudaGraphNodeTypeConditional
                       ? api::conditional_work(target, parameters->conditional, work)
                       : api::read_parameters(*parameters, nullptr, work);
          });
  if (error == cudaSuccess && parameters->type == cudaGraphNodeTypeConditional) {
    // The array belongs to the node and lives as long.
    auto& made = std::get<ConditionalNode>(engine::graph::to_node(*node)->work);
    parameters->conditional.phGraph_out = made.handles.data();
  }
  return error;
}
cudaError_t cudaGraphNodeSetParams(cudaGraphNode_t node, cudaGraphNodeParams* parameters) {
  return set("cudaGraphNodeSetParams", node, [&](const NodeWork& old, NodeWork& work) {
    return parameters == nullptr ? cudaErrorInvalidValue
                                 : api::read_parameters(*parameters, &old, work);
  });
}

cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* dependencies, std::size_t count,
                                   const cudaKernelNodeParams* parameters) {
  return add("cudaGraphAddKernelNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return parameters == nullptr
                          ? cudaErrorInvalidValue
                          : engine::graph::kernel_work(*parameters, current_ordinal(), {}, work);
             });
}
cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams* parameters) {
  return with_work<KernelNode>("cudaGraphKernelNodeGetParams", node,
                               [&](Node&, KernelNode& kernel) {
                                 *parameters = engine::graph::parameters_of(kernel);
                                 return cudaSuccess;
                               });
}
cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node,
                                         const cudaKernelNodeParams* parameters) {
  return set("cudaGraphKernelNodeSetParams", node, [&](const NodeWork& old, NodeWork& work) {
    const auto* kernel = std::get_if<KernelNode>(&old);
    return parameters == nullptr || kernel == nullptr
               ? cudaErrorInvalidValue
               : engine::graph::kernel_work(*parameters, kernel->device, api::attributes_of(old),
                                            work);
  });
}
cudaError_t cudaGraphKernelNodeSetAttribute(cudaGraphNode_t node, cudaLaunchAttributeID attribute,
                                            const cudaLaunchAttributeValue* value) {
  return with_work<KernelNode>(
      "cudaGraphKernelNodeSetAttribute", node, [&](Node&, KernelNode& kernel) {
        return value == nullptr ? cudaErrorInvalidValue
                                : engine::graph::set_attribute(kernel, attribute, *value);
      });
}
cudaError_t cudaGraphKernelNodeGetAttribute(cudaGraphNode_t node, cudaLaunchAttributeID attribute,
                                            cudaLaunchAttributeValue* value) {
  return with_work<KernelNode>(
      "cudaGraphKernelNodeGetAttribute", node, [&](Node&, KernelNode& kernel) {
        const auto found = kernel.attributes.find(attribute);
        *value = found == kernel.attributes.end() ? cudaLaunchAttributeValue{} : found->second;
        return cudaSuccess;
      });
}
cudaError_t cudaGraphKernelNodeCopyAttributes(cudaGraphNode_t to, cudaGraphNode_t from) {
  return with_work<KernelNode>(
      "cudaGraphKernelNodeCopyAttributes", to, [&](Node&, KernelNode& target) {
        const Node* source = engine::graph::to_node(from);
        const auto* kernel = source != nullptr ? std::get_if<KernelNode>(&source->work) : nullptr;
        if (kernel == nullptr) {
          return cudaErrorInvalidValue;
        }
        for (const auto& [id, value] : engine::graph::LaunchAttributes(kernel->attributes)) {
          if (const cudaError_t error = engine::graph::set_attribute(target, id, value);
              error != cudaSuccess) {
            return error;
          }
        }
        return cudaSuccess;
      });
}

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
               void* place = nullptr;
               const cudaError_t error =
                   api::symbol_range(symbol, bytes, offset, current_ordinal(), &place);
               return error != cudaSuccess
                          ? error
                          : engine::graph::copy_work(api::line(place, from, bytes, kind), work);
             });
}
cudaError_t cudaGraphAddMemcpyNodeFromSymbol(cudaGraphNode_t* node, cudaGraph_t graph,
                                             const cudaGraphNode_t* dependencies, std::size_t count,
                                             void* to, const void* symbol, std::size_t bytes,
                                             std::size_t offset, cudaMemcpyKind kind) {
  return add("cudaGraphAddMemcpyNodeFromSymbol", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               void* place = nullptr;
               const cudaError_t error =
                   api::symbol_range(symbol, bytes, offset, current_ordinal(), &place);
               return error != cudaSuccess
                          ? error
                          : engine::graph::copy_work(api::line(to, place, bytes, kind), work);
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
    void* place = nullptr;
    const cudaError_t error = api::symbol_range(symbol, bytes, offset, current_ordinal(), &place);
    return error != cudaSuccess
               ? error
               : engine::graph::copy_work(api::line(place, from, bytes, kind), work);
  });
}
cudaError_t cudaGraphMemcpyNodeSetParamsFromSymbol(cudaGraphNode_t node, void* to,
                                                   const void* symbol, std::size_t bytes,
                                                   std::size_t offset, cudaMemcpyKind kind) {
  return set("cudaGraphMemcpyNodeSetParamsFromSymbol", node, [&](const NodeWork&, NodeWork& work) {
    void* place = nullptr;
    const cudaError_t error = api::symbol_range(symbol, bytes, offset, current_ordinal(), &place);
    return error != cudaSuccess ? error
                                : engine::graph::copy_work(api::line(to, place, bytes, kind), work);
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

cudaError_t cudaGraphAddHostNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                 const cudaGraphNode_t* dependencies, std::size_t count,
                                 const cudaHostNodeParams* parameters) {
  return add("cudaGraphAddHostNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return parameters == nullptr
                          ? cudaErrorInvalidValue
                          : api::host_work(parameters->fn, parameters->userData, work);
             });
}
cudaError_t cudaGraphHostNodeGetParams(cudaGraphNode_t node, cudaHostNodeParams* parameters) {
  return with_work<HostNode>("cudaGraphHostNodeGetParams", node, [&](Node&, HostNode& host) {
    *parameters = {host.function, host.data};
    return cudaSuccess;
  });
}
cudaError_t cudaGraphHostNodeSetParams(cudaGraphNode_t node, const cudaHostNodeParams* parameters) {
  return set("cudaGraphHostNodeSetParams", node, [&](const NodeWork&, NodeWork& work) {
    return parameters == nullptr ? cudaErrorInvalidValue
                                 : api::host_work(parameters->fn, parameters->userData, work);
  });
}

cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                       const cudaGraphNode_t* dependencies, std::size_t count,
                                       cudaGraph_t child) {
  return add("cudaGraphAddChildGraphNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) {
               return api::child_work(child, cudaGraphChildGraphOwnershipClone, work);
             });
}
cudaError_t cudaGraphChildGraphNodeGetGraph(cudaGraphNode_t node, cudaGraph_t* graph) {
  return with_work<ChildNode>("cudaGraphChildGraphNodeGetGraph", node,
                              [&](Node&, ChildNode& child) {
                                *graph = handle_of(child.graph.get());
                                return cudaSuccess;
                              });
}
cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                  const cudaGraphNode_t* dependencies, std::size_t count) {
  return add("cudaGraphAddEmptyNode", node, graph, dependencies, nullptr, count,
             [](Graph&, NodeWork&) { return cudaSuccess; });
}

cudaError_t cudaGraphAddEventRecordNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                        const cudaGraphNode_t* dependencies, std::size_t count,
                                        cudaEvent_t event) {
  return add("cudaGraphAddEventRecordNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) { return api::event_work(true, event, work); });
}
cudaError_t cudaGraphEventRecordNodeGetEvent(cudaGraphNode_t node, cudaEvent_t* event) {
  return with_work<EventRecordNode>("cudaGraphEventRecordNodeGetEvent", node,
                                    [&](Node&, EventRecordNode& record) {
                                      *event = record.event;
                                      return cudaSuccess;
                                    });
}
cudaError_t cudaGraphEventRecordNodeSetEvent(cudaGraphNode_t node, cudaEvent_t event) {
  return set("cudaGraphEventRecordNodeSetEvent", node,
             [&](const NodeWork&, NodeWork& work) { return api::event_work(true, event, work); });
}
cudaError_t cudaGraphAddEventWaitNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                      const cudaGraphNode_t* dependencies, std::size_t count,
                                      cudaEvent_t event) {
  return add("cudaGraphAddEventWaitNode", node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) { return api::event_work(false, event, work); });
}
cudaError_t cudaGraphEventWaitNodeGetEvent(cudaGraphNode_t node, cudaEvent_t* event) {
  return with_work<EventWaitNode>("cudaGraphEventWaitNodeGetEvent", node,
                                  [&](Node&, EventWaitNode& wait) {
                                    *event = wait.event;
                                    return cudaSuccess;
                                  });
}
cudaError_t cudaGraphEventWaitNodeSetEvent(cudaGraphNode_t node, cudaEvent_t event) {
  return set("cudaGraphEventWaitNodeSetEvent", node,
             [&](const NodeWork&, NodeWork& work) { return api::event_work(false, event, work); });
}

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

cudaError_t cudaGraphConditionalHandleCreate(cudaGraphConditionalHandle* handle, cudaGraph_t graph,
                                             unsigned default_value, unsigned flags) {
  return api::with_graph("cudaGraphConditionalHandleCreate", graph, [&](Graph& target) {
    if (handle == nullptr || (flags & ~static_cast<unsigned>(cudaGraphCondAssignDefault)) != 0) {
      return cudaErrorInvalidValue;
    }
    target.conditions.push_back(
        engine::graph::create_condition(default_value, flags == cudaGraphCondAssignDefault));
    *handle = target.conditions.back()->handle;
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

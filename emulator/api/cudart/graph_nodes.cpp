// Nodes: kernels, host functions, child graphs, events, conditions; cudaGraphAddNode for all kinds.

#include "emulator/api/cudart/graph_node_call.hpp"
#include "emulator/engine/graph/condition.hpp"

#include <cuda_runtime_api.h>

#include <memory>

namespace rackproof::emulator::api {
namespace {

using engine::graph::Graph;
using engine::graph::handle_of;
using engine::graph::Node;
using engine::graph::NodeWork;

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

template <typename Work>
cudaError_t add_event_node(const char* name, cudaGraphNode_t* node, cudaGraph_t graph,
                           const cudaGraphNode_t* dependencies, std::size_t count,
                           cudaEvent_t event) {
  return add(name, node, graph, dependencies, nullptr, count,
             [&](Graph&, NodeWork& work) { return event_work<Work>(event, work); });
}
template <typename Work>
cudaError_t get_event(const char* name, cudaGraphNode_t node, cudaEvent_t* event) {
  return with_work<Work>(name, node, [&](Node&, Work& work) {
    *event = work.event;
    return cudaSuccess;
  });
}
template <typename Work>
cudaError_t set_event(const char* name, cudaGraphNode_t node, cudaEvent_t event) {
  return set(name, node,
             [&](const NodeWork&, NodeWork& work) { return event_work<Work>(event, work); });
}

engine::graph::LaunchAttributes attributes_of(const NodeWork& work) {
  const auto* kernel = std::get_if<engine::graph::KernelNode>(&work);
  return kernel != nullptr ? kernel->attributes : engine::graph::LaunchAttributes{};
}

}  // namespace
}  // namespace rackproof::emulator::api

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::add;
using api::current_ordinal;
using api::set;
using api::with_work;
using engine::graph::ChildNode;
using engine::graph::ConditionalNode;
using engine::graph::EventRecordNode;
using engine::graph::EventWaitNode;
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
  return api::add_event_node<EventRecordNode>("cudaGraphAddEventRecordNode", node, graph,
                                              dependencies, count, event);
}
cudaError_t cudaGraphEventRecordNodeGetEvent(cudaGraphNode_t node, cudaEvent_t* event) {
  return api::get_event<EventRecordNode>("cudaGraphEventRecordNodeGetEvent", node, event);
}
cudaError_t cudaGraphEventRecordNodeSetEvent(cudaGraphNode_t node, cudaEvent_t event) {
  return api::set_event<EventRecordNode>("cudaGraphEventRecordNodeSetEvent", node, event);
}
cudaError_t cudaGraphAddEventWaitNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                      const cudaGraphNode_t* dependencies, std::size_t count,
                                      cudaEvent_t event) {
  return api::add_event_node<EventWaitNode>("cudaGraphAddEventWaitNode", node, graph, dependencies,
                                            count, event);
}
cudaError_t cudaGraphEventWaitNodeGetEvent(cudaGraphNode_t node, cudaEvent_t* event) {
  return api::get_event<EventWaitNode>("cudaGraphEventWaitNodeGetEvent", node, event);
}
cudaError_t cudaGraphEventWaitNodeSetEvent(cudaGraphNode_t node, cudaEvent_t event) {
  return api::set_event<EventWaitNode>("cudaGraphEventWaitNodeSetEvent", node, event);
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

}  // extern "C"

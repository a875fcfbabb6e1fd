// Executable graphs: instantiate, launch, change.

#include "emulator/api/cudart/graph_call.hpp"
#include "emulator/engine/events.hpp"
#include "emulator/engine/graph/capture.hpp"

#include <cuda_runtime_api.h>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::line;
using api::with_executable;
using api::with_graph;
using api::with_node_of;
using engine::graph::Executable;
using engine::graph::Graph;
using engine::graph::Node;
using engine::graph::NodeWork;

cudaError_t instantiate(const char* name, cudaGraphExec_t* executable, cudaGraph_t graph,
                        unsigned long long flags, cudaGraphInstantiateResult* result) {
  return with_graph(name, graph, [&](Graph& source) {
    if (executable == nullptr) {
      return cudaErrorInvalidValue;
    }
    std::shared_ptr<Executable> made;
    const cudaError_t error = Executable::instantiate(source, flags, *result, made);
    if (error == cudaSuccess) {
      *executable = engine::graph::give_to_program(std::move(made));
    }
    return error;
  });
}

cudaError_t instantiate_plain(const char* name, cudaGraphExec_t* executable, cudaGraph_t graph,
                              unsigned long long flags) {
  cudaGraphInstantiateResult result = cudaGraphInstantiateSuccess;
  return instantiate(name, executable, graph, flags, &result);
}

cudaError_t instantiate_with(cudaGraphExec_t* executable, cudaGraph_t graph,
                             cudaGraphInstantiateParams* parameters) {
  if (parameters == nullptr) {
    return api::finish_call("cudaGraphInstantiateWithParams", cudaErrorInvalidValue);
  }
  parameters->errNode_out = nullptr;
  return instantiate("cudaGraphInstantiateWithParams", executable, graph, parameters->flags,
                     &parameters->result_out);
}

cudaError_t launch(cudaGraphExec_t handle, cudaStream_t stream, bool is_per_thread) {
  return with_executable("cudaGraphLaunch", handle, [&](Executable& executable) {
    engine::Stream* target = engine::resolve_stream(stream, is_per_thread);
    return target == nullptr ? cudaErrorInvalidResourceHandle : executable.launch(*target);
  });
}

// There is nothing to upload: a launch costs the host the same before and after.
cudaError_t upload(cudaGraphExec_t handle, cudaStream_t stream, bool is_per_thread) {
  return with_executable("cudaGraphUpload", handle, [&](Executable&) {
    return engine::resolve_stream(stream, is_per_thread) == nullptr ? cudaErrorInvalidResourceHandle
                                                                    : cudaSuccess;
  });
}

template <typename Make>
cudaError_t set(const char* name, cudaGraphExec_t handle, cudaGraphNode_t node, Make&& make) {
  return with_node_of(name, handle, node, [&](Executable& executable, Node& source) {
    const NodeWork* old = executable.work_of(source);
    NodeWork work;
    if (old == nullptr) {
      return cudaErrorInvalidValue;
    }
    const cudaError_t error = make(*old, work);
    return error != cudaSuccess ? error : executable.set_work(source, std::move(work));
  });
}

cudaError_t set_event(const char* name, cudaGraphExec_t handle, cudaGraphNode_t node,
                      NodeWork wanted, cudaEvent_t event) {
  return set(name, handle, node, [&](const NodeWork&, NodeWork& work) {
    work = std::move(wanted);
    return engine::is_event(event) ? cudaSuccess : cudaErrorInvalidResourceHandle;
  });
}

}  // namespace

extern "C" {

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long flags) {
  return instantiate_plain("cudaGraphInstantiate", executable, graph, flags);
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph,
                                          unsigned long long flags) {
  return instantiate_plain("cudaGraphInstantiateWithFlags", executable, graph, flags);
}
cudaError_t cudaGraphInstantiateWithParams(cudaGraphExec_t* executable, cudaGraph_t graph,
                                           cudaGraphInstantiateParams* parameters) {
  return instantiate_with(executable, graph, parameters);
}
cudaError_t cudaGraphInstantiateWithParams_ptsz(cudaGraphExec_t* executable, cudaGraph_t graph,
                                                cudaGraphInstantiateParams* parameters) {
  return instantiate_with(executable, graph, parameters);
}
cudaError_t cudaGraphExecGetFlags(cudaGraphExec_t handle, unsigned long long* flags) {
  return with_executable("cudaGraphExecGetFlags", handle, [&](Executable& executable) {
    *flags = executable.flags();
    return cudaSuccess;
  });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t handle) {
  // On a faulted device too: it is the host's memory.
  return api::query_call("cudaGraphExecDestroy", [&](engine::Core&) {
    const std::scoped_lock lock(engine::graph::graphs_mutex());
    return engine::graph::destroy_executable(handle);
  });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t handle, cudaStream_t stream) {
  return launch(handle, stream, false);
}
cudaError_t cudaGraphLaunch_ptsz(cudaGraphExec_t handle, cudaStream_t stream) {
  return launch(handle, stream, true);
}
cudaError_t cudaGraphUpload(cudaGraphExec_t handle, cudaStream_t stream) {
  return upload(handle, stream, false);
}
cudaError_t cudaGraphUpload_ptsz(cudaGraphExec_t handle, cudaStream_t stream) {
  return upload(handle, stream, true);
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t handle, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* result) {
  return with_executable("cudaGraphExecUpdate", handle, [&](Executable& executable) {
    const Graph* source = engine::graph::to_graph(graph);
    return source == nullptr || result == nullptr ? cudaErrorInvalidValue
                                                  : executable.update(*source, *result);
  });
}
cudaError_t cudaGraphExecNodeSetParams(cudaGraphExec_t handle, cudaGraphNode_t node,
                                       cudaGraphNodeParams* parameters) {
  if (parameters != nullptr && parameters->type == cudaGraphNodeTypeGraph) {
    return cudaGraphExecChildGraphNodeSetParams(handle, node, parameters->graph.graph);
  }
  return set("cudaGraphExecNodeSetParams", handle, node, [&](const NodeWork& old, NodeWork& work) {
    return parameters == nullptr ? cudaErrorInvalidValue
                                 : api::read_parameters(*parameters, &old, work);
  });
}
cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t handle, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* parameters) {
  return set("cudaGraphExecKernelNodeSetParams", handle, node,
             [&](const NodeWork& old, NodeWork& work) {
               const auto* kernel = std::get_if<engine::graph::KernelNode>(&old);
               return parameters == nullptr || kernel == nullptr
                          ? cudaErrorInvalidValue
                          : engine::graph::kernel_work(*parameters, kernel->device,
                                                       kernel->attributes, work);
             });
}
cudaError_t cudaGraphExecMemcpyNodeSetParams(cudaGraphExec_t handle, cudaGraphNode_t node,
                                             const cudaMemcpy3DParms* box) {
  return set("cudaGraphExecMemcpyNodeSetParams", handle, node,
             [&](const NodeWork&, NodeWork& work) {
               return box == nullptr ? cudaErrorInvalidValue : engine::graph::copy_work(*box, work);
             });
}
cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t handle, cudaGraphNode_t node,
                                               void* to, const void* from, std::size_t bytes,
                                               cudaMemcpyKind kind) {
  return set("cudaGraphExecMemcpyNodeSetParams1D", handle, node,
             [&](const NodeWork&, NodeWork& work) {
               return engine::graph::copy_work(line(to, from, bytes, kind), work);
             });
}
cudaError_t cudaGraphExecMemcpyNodeSetParamsToSymbol(cudaGraphExec_t handle, cudaGraphNode_t node,
                                                     const void* symbol, const void* from,
                                                     std::size_t bytes, std::size_t offset,
                                                     cudaMemcpyKind kind) {
  return set("cudaGraphExecMemcpyNodeSetParamsToSymbol", handle, node,
             [&](const NodeWork&, NodeWork& work) {
               return api::copy_to_symbol(symbol, from, bytes, offset, kind, work);
             });
}
cudaError_t cudaGraphExecMemcpyNodeSetParamsFromSymbol(cudaGraphExec_t handle, cudaGraphNode_t node,
                                                       void* to, const void* symbol,
                                                       std::size_t bytes, std::size_t offset,
                                                       cudaMemcpyKind kind) {
  return set("cudaGraphExecMemcpyNodeSetParamsFromSymbol", handle, node,
             [&](const NodeWork&, NodeWork& work) {
               return api::copy_from_symbol(to, symbol, bytes, offset, kind, work);
             });
}
cudaError_t cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t handle, cudaGraphNode_t node,
                                             const cudaMemsetParams* parameters) {
  return set("cudaGraphExecMemsetNodeSetParams", handle, node,
             [&](const NodeWork&, NodeWork& work) {
               return parameters == nullptr ? cudaErrorInvalidValue
                                            : engine::graph::fill_work(*parameters, work);
             });
}
cudaError_t cudaGraphExecHostNodeSetParams(cudaGraphExec_t handle, cudaGraphNode_t node,
                                           const cudaHostNodeParams* parameters) {
  return set("cudaGraphExecHostNodeSetParams", handle, node, [&](const NodeWork&, NodeWork& work) {
    if (parameters == nullptr || parameters->fn == nullptr) {
      return cudaErrorInvalidValue;
    }
    work = engine::graph::host_work(parameters->fn, parameters->userData);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphExecChildGraphNodeSetParams(cudaGraphExec_t handle, cudaGraphNode_t node,
                                                 cudaGraph_t child) {
  return with_node_of("cudaGraphExecChildGraphNodeSetParams", handle, node,
                      [&](Executable& executable, Node& source) {
                        const Graph* graph = engine::graph::to_graph(child);
                        return graph == nullptr ? cudaErrorInvalidValue
                                                : executable.set_child(source, *graph);
                      });
}
cudaError_t cudaGraphExecEventRecordNodeSetEvent(cudaGraphExec_t handle, cudaGraphNode_t node,
                                                 cudaEvent_t event) {
  return set_event("cudaGraphExecEventRecordNodeSetEvent", handle, node,
                   engine::graph::EventRecordNode{event}, event);
}
cudaError_t cudaGraphExecEventWaitNodeSetEvent(cudaGraphExec_t handle, cudaGraphNode_t node,
                                               cudaEvent_t event) {
  return set_event("cudaGraphExecEventWaitNodeSetEvent", handle, node,
                   engine::graph::EventWaitNode{event}, event);
}
cudaError_t cudaGraphNodeSetEnabled(cudaGraphExec_t handle, cudaGraphNode_t node,
                                    unsigned is_enabled) {
  return with_node_of("cudaGraphNodeSetEnabled", handle, node,
                      [&](Executable& executable, Node& source) {
                        return executable.set_enabled(source, is_enabled != 0);
                      });
}
cudaError_t cudaGraphNodeGetEnabled(cudaGraphExec_t handle, cudaGraphNode_t node,
                                    unsigned* is_enabled) {
  return with_node_of("cudaGraphNodeGetEnabled", handle, node,
                      [&](Executable& executable, Node& source) {
                        bool answer = false;
                        const cudaError_t error = executable.get_enabled(source, answer);
                        *is_enabled = answer ? 1 : 0;
                        return error;
                      });
}

}  // extern "C"

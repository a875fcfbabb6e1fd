#include "emulator/engine/graph/work.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/graph/graph.hpp"

namespace rackproof::emulator::engine::graph {
namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

LaunchRequest request_of(const KernelNode& node) {
  LaunchRequest request;
  request.grid = node.grid;
  request.block = node.block;
  request.dynamic_shared_bytes = node.dynamic_shared_bytes;
  request.function = node.function;
  for (const auto& [id, value] : node.attributes) {
    if (id == cudaLaunchAttributeCooperative) {
      request.is_cooperative = value.cooperative != 0;
    } else if (id == cudaLaunchAttributeClusterDimension) {
      request.cluster = {value.clusterDim.x, value.clusterDim.y, value.clusterDim.z};
      request.names_cluster = true;
    } else if (id == cudaLaunchAttributePreferredClusterDimension) {
      const auto& preferred = value.preferredClusterDim;
      request.preferred_cluster = {preferred.x, preferred.y, preferred.z};
    }
  }
  return request;
}

// The parameter block by CU_LAUNCH_PARAM_BUFFER_POINTER (1) and _SIZE (2), up to _END (0).
cudaError_t read_extra(void** extra, LaunchRequest& request) {
  constexpr std::uintptr_t kBufferPointer = 1;
  constexpr std::uintptr_t kBufferSize = 2;
  for (; *extra != nullptr; extra += 2) {
    const auto key = reinterpret_cast<std::uintptr_t>(extra[0]);
    if (key == kBufferPointer) {
      request.parameter_buffer = extra[1];
    } else if (key == kBufferSize) {
      request.parameter_buffer_bytes = *static_cast<const std::size_t*>(extra[1]);
    } else {
      return cudaErrorInvalidValue;
    }
  }
  return cudaSuccess;
}

cudaMemcpy3DParms box_of(const PreparedCopy& copy, cudaMemcpyKind kind) {
  const CopyShape& shape = copy.shape;
  const auto pitched = [&](const void* pointer, std::size_t pitch, std::size_t slice_rows) {
    return cudaPitchedPtr{const_cast<void*>(pointer), pitch != 0 ? pitch : shape.width_bytes,
                          shape.width_bytes, slice_rows != 0 ? slice_rows : shape.rows};
  };
  cudaMemcpy3DParms box{};
  box.srcPtr = pitched(copy.source, shape.source_pitch, shape.source_slice_rows);
  box.dstPtr = pitched(copy.destination, shape.destination_pitch, shape.destination_slice_rows);
  box.extent = {shape.width_bytes, shape.rows, shape.slices};
  box.kind = kind;
  return box;
}

}  // namespace

cudaGraphNodeType type_of(const NodeWork& work) {
  return std::visit(Overloaded{[](const EmptyNode&) { return cudaGraphNodeTypeEmpty; },
                               [](const KernelNode&) { return cudaGraphNodeTypeKernel; },
                               [](const CopyNode&) { return cudaGraphNodeTypeMemcpy; },
                               [](const FillNode&) { return cudaGraphNodeTypeMemset; },
                               [](const HostNode&) { return cudaGraphNodeTypeHost; },
                               [](const ChildNode&) { return cudaGraphNodeTypeGraph; },
                               [](const EventWaitNode&) { return cudaGraphNodeTypeWaitEvent; },
                               [](const EventRecordNode&) { return cudaGraphNodeTypeEventRecord; },
                               [](const AllocNode&) { return cudaGraphNodeTypeMemAlloc; },
                               [](const FreeNode&) { return cudaGraphNodeTypeMemFree; },
                               [](const ConditionalNode&) { return cudaGraphNodeTypeConditional; }},
                    work);
}

NodeWork kernel_work(Kernel& kernel, const LaunchRequest& request, PreparedLaunch prepared) {
  KernelNode node;
  node.function = request.function != nullptr ? request.function : &kernel;
  node.kernel = &kernel;
  node.device = prepared.config.device;
  node.grid = request.grid;
  node.block = request.block;
  node.dynamic_shared_bytes = static_cast<std::uint32_t>(request.dynamic_shared_bytes);
  if (request.is_cooperative) {
    node.attributes[cudaLaunchAttributeCooperative].cooperative = 1;
  }
  if (request.names_cluster) {
    node.attributes[cudaLaunchAttributeClusterDimension].clusterDim = {
        request.cluster.x, request.cluster.y, request.cluster.z};
  }
  if (request.preferred_cluster.count() != 0) {
    node.attributes[cudaLaunchAttributePreferredClusterDimension].preferredClusterDim = {
        request.preferred_cluster.x, request.preferred_cluster.y, request.preferred_cluster.z};
  }
  if (request.priority != 0) {
    node.attributes[cudaLaunchAttributePriority].priority = request.priority;
  }
  node.prepared = std::move(prepared);
  return node;
}

NodeWork copy_work(const PreparedCopy& prepared, cudaMemcpyKind kind) {
  return CopyNode{box_of(prepared, kind), prepared};
}

NodeWork fill_work(const PreparedFill& prepared) {
  const FillShape& shape = prepared.shape;
  return FillNode{
      {prepared.destination, shape.pitch_bytes, prepared.value,
       static_cast<unsigned>(shape.element_bytes), shape.width_elements, shape.rows * shape.slices},
      prepared};
}

NodeWork host_work(cudaHostFn_t function, void* data) {
  return HostNode{function, data};
}

cudaError_t kernel_work(const cudaKernelNodeParams& parameters, int device,
                        const LaunchAttributes& attributes, NodeWork& work) {
  Core& core = Core::instance();
  KernelNode node;
  node.function = parameters.func;
  node.kernel = core.modules().find_kernel(parameters.func);
  if (node.kernel == nullptr) {
    return cudaErrorInvalidDeviceFunction;
  }
  node.device = device;
  node.grid = {parameters.gridDim.x, parameters.gridDim.y, parameters.gridDim.z};
  node.block = {parameters.blockDim.x, parameters.blockDim.y, parameters.blockDim.z};
  node.dynamic_shared_bytes = parameters.sharedMemBytes;
  node.attributes = attributes;
  LaunchRequest request = request_of(node);
  request.arguments = parameters.kernelParams;
  if (parameters.extra != nullptr) {
    if (parameters.kernelParams != nullptr) {
      return cudaErrorInvalidValue;
    }
    if (const cudaError_t error = read_extra(parameters.extra, request); error != cudaSuccess) {
      return error;
    }
  }
  const cudaError_t error =
      prepare_launch(*node.kernel, core.device(device), request, node.prepared);
  work = std::move(node);
  return error;
}

cudaError_t copy_work(const cudaMemcpy3DParms& box, NodeWork& work) {
  void* destination = nullptr;
  const void* source = nullptr;
  CopyShape shape;
  CopyNode node{box, {}};
  cudaError_t error = shape_of(box, destination, source, shape);
  if (error == cudaSuccess) {
    error = prepare_copy(destination, source, shape, box.kind, node.prepared);
  }
  work = node;
  return error;
}

cudaError_t fill_work(const cudaMemsetParams& parameters, NodeWork& work) {
  FillNode node{parameters, {}};
  const cudaError_t error = prepare_fill(parameters.dst, parameters.value,
                                         {.width_elements = parameters.width,
                                          .rows = parameters.height,
                                          .pitch_bytes = parameters.pitch,
                                          .element_bytes = parameters.elementSize},
                                         node.prepared);
  work = node;
  return error;
}

cudaKernelNodeParams parameters_of(KernelNode& node) {
  const exec::KernelInfo& info = node.prepared.kernel.info();
  node.arguments.clear();
  for (const std::uint32_t offset : info.parameter_offsets) {
    node.arguments.push_back(node.prepared.config.parameters.data() + offset);
  }
  cudaKernelNodeParams parameters{};
  parameters.func = const_cast<void*>(node.function);
  parameters.gridDim = {node.grid.x, node.grid.y, node.grid.z};
  parameters.blockDim = {node.block.x, node.block.y, node.block.z};
  parameters.sharedMemBytes = node.dynamic_shared_bytes;
  parameters.kernelParams = node.arguments.empty() ? nullptr : node.arguments.data();
  return parameters;
}

cudaError_t set_attribute(KernelNode& node, cudaLaunchAttributeID id,
                          const cudaLaunchAttributeValue& value) {
  switch (id) {
    case cudaLaunchAttributeCooperative:
    case cudaLaunchAttributeClusterDimension:
    case cudaLaunchAttributePreferredClusterDimension: {
      KernelNode changed = node;
      changed.attributes[id] = value;
      LaunchRequest request = request_of(changed);
      request.parameter_buffer = node.prepared.config.parameters.data();
      request.parameter_buffer_bytes = node.prepared.config.parameters.size();
      const cudaError_t error = prepare_launch(*node.kernel, Core::instance().device(node.device),
                                               request, changed.prepared);
      if (error == cudaSuccess) {
        node = std::move(changed);
      }
      return error;
    }
    case cudaLaunchAttributeAccessPolicyWindow:
    case cudaLaunchAttributeClusterSchedulingPolicyPreference:
    case cudaLaunchAttributePriority:
    case cudaLaunchAttributeMemSyncDomainMap:
    case cudaLaunchAttributeMemSyncDomain:
    case cudaLaunchAttributePreferredSharedMemoryCarveout:
    case cudaLaunchAttributeNvlinkUtilCentricScheduling:
      node.attributes[id] = value;
      return cudaSuccess;
    default:
      return cudaErrorInvalidValue;
  }
}

std::unique_ptr<Operation> make_operation(const NodeWork& work) {
  const auto none = [](const auto&) { return std::unique_ptr<Operation>(); };
  return std::visit(
      Overloaded{none, [](const KernelNode& node) { return engine::make_operation(node.prepared); },
                 [](const CopyNode& node) { return engine::make_operation(node.prepared); },
                 [](const FillNode& node) { return engine::make_operation(node.prepared); },
                 [](const HostNode& node) { return make_host_function(node.function, node.data); },
                 [](const AllocNode& node) { return make_allocation(node.allocation); },
                 [](const FreeNode& node) { return make_release(node.allocation); }},
      work);
}

int device_of(const NodeWork& work) {
  if (const auto* kernel = std::get_if<KernelNode>(&work)) {
    return kernel->device;
  }
  return -1;
}

cudaGraphExecUpdateResult can_replace(const NodeWork& from, const NodeWork& to) {
  if (from.index() != to.index()) {
    return cudaGraphExecUpdateErrorNodeTypeChanged;
  }
  if (const auto* old = std::get_if<KernelNode>(&from)) {
    const auto& now = std::get<KernelNode>(to);
    if (old->device != now.device) {
      return cudaGraphExecUpdateErrorUnsupportedFunctionChange;
    }
    const auto is_cooperative = [](const KernelNode& node) {
      const auto found = node.attributes.find(cudaLaunchAttributeCooperative);
      return found != node.attributes.end() && found->second.cooperative != 0;
    };
    return is_cooperative(*old) == is_cooperative(now) ? cudaGraphExecUpdateSuccess
                                                       : cudaGraphExecUpdateErrorAttributesChanged;
  }
  if (const auto* old = std::get_if<CopyNode>(&from)) {
    const auto& now = std::get<CopyNode>(to);
    // Operands must stay on their devices, in the same kind of memory.
    const bool fits = old->prepared.source_device == now.prepared.source_device &&
                      old->prepared.destination_device == now.prepared.destination_device;
    return fits ? cudaGraphExecUpdateSuccess : cudaGraphExecUpdateErrorParametersChanged;
  }
  if (const auto* old = std::get_if<FillNode>(&from)) {
    const auto& now = std::get<FillNode>(to);
    return old->prepared.device == now.prepared.device ? cudaGraphExecUpdateSuccess
                                                       : cudaGraphExecUpdateErrorParametersChanged;
  }
  if (const auto* old = std::get_if<AllocNode>(&from)) {
    return old->allocation == std::get<AllocNode>(to).allocation
               ? cudaGraphExecUpdateSuccess
               : cudaGraphExecUpdateErrorNotSupported;
  }
  if (const auto* old = std::get_if<FreeNode>(&from)) {
    return old->allocation == std::get<FreeNode>(to).allocation
               ? cudaGraphExecUpdateSuccess
               : cudaGraphExecUpdateErrorNotSupported;
  }
  return cudaGraphExecUpdateSuccess;
}

}  // namespace rackproof::emulator::engine::graph

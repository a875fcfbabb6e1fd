// Launches, function attributes, occupancy.

#include "emulator/engine/launch.hpp"

#include "emulator/api/common/api_call.hpp"
#include "emulator/api/cudart/kernel_launch.hpp"
#include "emulator/device/occupancy.hpp"
#include "emulator/engine/cluster_launch.hpp"
#include "emulator/engine/modules.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>

namespace rackproof::emulator::api {
namespace {

using engine::Core;
using engine::Kernel;

exec::Dim3 to_dim3(const dim3& value) {
  return {value.x, value.y, value.z};
}

template <typename Body>
cudaError_t with_kernel(const char* name, const void* function, Body&& body) {
  return api_call(name, [&](Core& core) {
    Kernel* kernel = core.modules().find_kernel(function);
    return kernel == nullptr ? cudaErrorInvalidDeviceFunction : std::forward<Body>(body)(*kernel);
  });
}

cudaError_t read_attributes(const cudaLaunchConfig_t& config, engine::LaunchRequest& request) {
  request.grid = to_dim3(config.gridDim);
  request.block = to_dim3(config.blockDim);
  request.dynamic_shared_bytes = config.dynamicSmemBytes;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case cudaLaunchAttributeClusterDimension:
        request.cluster = {attribute.val.clusterDim.x, attribute.val.clusterDim.y,
                           attribute.val.clusterDim.z};
        request.names_cluster = true;
        break;
      case cudaLaunchAttributePreferredClusterDimension:
        request.preferred_cluster = {attribute.val.preferredClusterDim.x,
                                     attribute.val.preferredClusterDim.y,
                                     attribute.val.preferredClusterDim.z};
        break;
      case cudaLaunchAttributeCooperative:
        request.is_cooperative = attribute.val.cooperative != 0;
        break;
      case cudaLaunchAttributeIgnore:
      case cudaLaunchAttributeAccessPolicyWindow:
      case cudaLaunchAttributeClusterSchedulingPolicyPreference:
      case cudaLaunchAttributePriority:
      case cudaLaunchAttributeMemSyncDomainMap:
      case cudaLaunchAttributeMemSyncDomain:
      case cudaLaunchAttributePreferredSharedMemoryCarveout:
      case cudaLaunchAttributeNvlinkUtilCentricScheduling:
        break;
      case cudaLaunchAttributeProgrammaticStreamSerialization:
        request.is_programmatic = attribute.val.programmaticStreamSerializationAllowed != 0;
        break;
      case cudaLaunchAttributeProgrammaticEvent:
        request.programmatic_event = attribute.val.programmaticEvent.event;
        break;
      case cudaLaunchAttributeLaunchCompletionEvent:
        request.launch_completion_event = attribute.val.launchCompletionEvent.event;
        break;
      default:
        return cudaErrorNotSupported;
    }
  }
  return cudaSuccess;
}

cudaError_t launch_requested(const char* name, const void* function, cudaStream_t stream,
                             bool is_per_thread, engine::LaunchRequest request) {
  return with_kernel(name, function, [&](Kernel& kernel) {
    engine::Stream* target = engine::resolve_stream(stream, is_per_thread);
    if (target == nullptr || target->device->ordinal != engine::current_device().ordinal) {
      return cudaErrorInvalidResourceHandle;
    }
    request.function = function;
    return engine::launch(kernel, *target, request);
  });
}

cudaError_t launch_ex(const cudaLaunchConfig_t* config, const void* function, void** arguments,
                      bool is_per_thread) {
  constexpr const char* kName = "cudaLaunchKernelExC";
  if (config == nullptr) {
    return finish_call(kName, cudaErrorInvalidValue);
  }
  engine::LaunchRequest request;
  if (const cudaError_t error = read_attributes(*config, request); error != cudaSuccess) {
    return finish_call(kName, error);
  }
  request.arguments = arguments;
  return launch_requested(kName, function, config->stream, is_per_thread, request);
}

using ClusterQuery = cudaError_t (*)(Kernel&, engine::Device&, const engine::LaunchRequest&, int&);
cudaError_t cluster_occupancy(const char* name, int* result, const void* function,
                              const cudaLaunchConfig_t* config, ClusterQuery query) {
  return with_kernel(name, function, [&](Kernel& kernel) {
    if (result == nullptr || config == nullptr) {
      return cudaErrorInvalidValue;
    }
    engine::LaunchRequest request;
    const cudaError_t error = read_attributes(*config, request);
    return error != cudaSuccess ? error : query(kernel, engine::current_device(), request, *result);
  });
}

}  // namespace

cudaError_t launch_kernel(const char* name, const void* function, dim3 grid, dim3 block,
                          void** arguments, std::size_t shared_bytes, cudaStream_t stream,
                          bool is_per_thread, bool is_cooperative) {
  engine::LaunchRequest request;
  request.grid = to_dim3(grid);
  request.block = to_dim3(block);
  request.dynamic_shared_bytes = shared_bytes;
  request.is_cooperative = is_cooperative;
  request.arguments = arguments;
  return launch_requested(name, function, stream, is_per_thread, request);
}

namespace {

cudaError_t occupancy(const char* name, int* blocks, const void* function, int threads,
                      std::size_t dynamic_shared_bytes) {
  return with_kernel(name, function, [&](Kernel& kernel) {
    if (blocks == nullptr || threads <= 0) {
      return cudaErrorInvalidValue;
    }
    std::uint32_t fit = 0;
    const cudaError_t error =
        engine::blocks_per_sm(kernel, engine::current_device(), static_cast<std::uint64_t>(threads),
                              dynamic_shared_bytes, fit);
    *blocks = static_cast<int>(fit);
    return error;
  });
}

}  // namespace
}  // namespace rackproof::emulator::api

using namespace rackproof::emulator;  // NOLINT: this file is the C API

extern "C" {

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments,
                             std::size_t shared_bytes, cudaStream_t stream) {
  return api::launch_kernel("cudaLaunchKernel", function, grid, block, arguments, shared_bytes,
                            stream, false);
}
cudaError_t cudaLaunchKernel_ptsz(const void* function, dim3 grid, dim3 block, void** arguments,
                                  std::size_t shared_bytes, cudaStream_t stream) {
  return api::launch_kernel("cudaLaunchKernel", function, grid, block, arguments, shared_bytes,
                            stream, true);
}
cudaError_t cudaLaunchCooperativeKernel(const void* function, dim3 grid, dim3 block,
                                        void** arguments, std::size_t shared_bytes,
                                        cudaStream_t stream) {
  return api::launch_kernel("cudaLaunchCooperativeKernel", function, grid, block, arguments,
                            shared_bytes, stream, false, true);
}
cudaError_t cudaLaunchCooperativeKernel_ptsz(const void* function, dim3 grid, dim3 block,
                                             void** arguments, std::size_t shared_bytes,
                                             cudaStream_t stream) {
  return api::launch_kernel("cudaLaunchCooperativeKernel", function, grid, block, arguments,
                            shared_bytes, stream, true, true);
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* function,
                                void** arguments) {
  return api::launch_ex(config, function, arguments, false);
}
cudaError_t cudaLaunchKernelExC_ptsz(const cudaLaunchConfig_t* config, const void* function,
                                     void** arguments) {
  return api::launch_ex(config, function, arguments, true);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  return api::with_kernel("cudaFuncGetAttributes", function, [&](engine::Kernel& kernel) {
    return engine::function_attributes(kernel, engine::current_device(), *attributes);
  });
}
cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return api::with_kernel("cudaFuncSetAttribute", function, [&](engine::Kernel& kernel) {
    return engine::set_function_attribute(kernel, engine::current_device(), attribute, value);
  });
}
cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t kernel, cudaFuncAttribute attribute,
                                            int value, int /*device*/) {
  return cudaFuncSetAttribute(kernel, attribute, value);
}
cudaError_t cudaFuncSetCacheConfig(const void* function, cudaFuncCache /*config*/) {
  return api::with_kernel("cudaFuncSetCacheConfig", function,
                          [](engine::Kernel&) { return cudaSuccess; });
}
cudaError_t cudaFuncGetName(const char** name, const void* function) {
  return api::with_kernel("cudaFuncGetName", function, [&](engine::Kernel& kernel) {
    *name = kernel.name.c_str();
    return cudaSuccess;
  });
}
cudaError_t cudaFuncGetParamInfo(const void* function, std::size_t index, std::size_t* offset,
                                 std::size_t* size) {
  return api::with_kernel("cudaFuncGetParamInfo", function, [&](engine::Kernel& kernel) {
    engine::ResolvedKernel resolved;
    const cudaError_t error =
        kernel.module->resolve(kernel, engine::current_device().ordinal, resolved);
    if (error != cudaSuccess) {
      return error;
    }
    const exec::KernelInfo& info = resolved.info();
    if (index >= info.parameter_offsets.size()) {
      return cudaErrorInvalidValue;
    }
    *offset = info.parameter_offsets[index];
    if (size != nullptr) {
      *size = info.parameter_sizes[index];
    }
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function,
                                                          int threads,
                                                          std::size_t dynamic_shared_bytes) {
  return api::occupancy("cudaOccupancyMaxActiveBlocksPerMultiprocessor", blocks, function, threads,
                        dynamic_shared_bytes);
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks,
                                                                   const void* function,
                                                                   int threads,
                                                                   std::size_t dynamic_shared_bytes,
                                                                   unsigned /*flags*/) {
  return api::occupancy("cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags", blocks, function,
                        threads, dynamic_shared_bytes);
}
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* function,
                                           const cudaLaunchConfig_t* config) {
  return api::cluster_occupancy("cudaOccupancyMaxActiveClusters", clusters, function, config,
                                engine::max_active_clusters);
}
cudaError_t cudaOccupancyMaxPotentialClusterSize(int* size, const void* function,
                                                 const cudaLaunchConfig_t* config) {
  return api::cluster_occupancy("cudaOccupancyMaxPotentialClusterSize", size, function, config,
                                engine::max_potential_cluster_size);
}
cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(std::size_t* bytes, const void* function,
                                                      int blocks, int threads) {
  return api::with_kernel(
      "cudaOccupancyAvailableDynamicSMemPerBlock", function, [&](engine::Kernel& kernel) {
        cudaFuncAttributes attributes{};
        const cudaError_t error =
            engine::function_attributes(kernel, engine::current_device(), attributes);
        if (error != cudaSuccess || blocks <= 0 || threads <= 0) {
          return error != cudaSuccess ? error : cudaErrorInvalidValue;
        }
        *bytes = device::available_dynamic_shared_bytes(
            engine::Core::instance().rack().gpu,
            {static_cast<std::uint32_t>(threads), static_cast<std::uint32_t>(attributes.numRegs),
             static_cast<std::uint32_t>(attributes.sharedSizeBytes)},
            static_cast<std::uint32_t>(blocks));
        return cudaSuccess;
      });
}

}  // extern "C"

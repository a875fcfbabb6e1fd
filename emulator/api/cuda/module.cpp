// Driver: modules, functions, launches.

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/api/cuda/jit_log.hpp"
#include "emulator/engine/launch.hpp"
#include "emulator/engine/modules.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using engine::Core;
using engine::Kernel;
using engine::Module;

namespace {

CUresult load(const char* name, CUmodule* module, const void* image, const api::JitLog& log) {
  return driver_call(name, [&](Core& core) { return api::load_image(core, image, log, module); });
}

template <typename Body>
CUresult with_function(const char* name, CUfunction function, Body&& body) {
  return driver_call(name, [&](Core& core) {
    auto* kernel = reinterpret_cast<Kernel*>(function);
    return core.modules().is_kernel(kernel) ? std::forward<Body>(body)(*kernel)
                                            : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t read_extra(void** extra, engine::LaunchRequest& request) {
  for (std::size_t i = 0; extra != nullptr && extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
    if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER) {
      request.parameter_buffer = extra[i + 1];
    } else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE) {
      request.parameter_buffer_bytes = *static_cast<std::size_t*>(extra[i + 1]);
    } else {
      return cudaErrorInvalidValue;
    }
  }
  return cudaSuccess;
}

CUresult launch(const char* name, CUfunction function, engine::LaunchRequest request,
                CUstream handle, void** extra) {
  return with_function(name, function, [&](Kernel& kernel) {
    engine::Stream* stream = engine::resolve_stream(handle);
    if (stream == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    const cudaError_t error = read_extra(extra, request);
    return error == cudaSuccess ? engine::launch(kernel, *stream, request) : error;
  });
}

cudaError_t read_attributes(const CUlaunchConfig& config, engine::LaunchRequest& request) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
        request.cluster = {attribute.value.clusterDim.x, attribute.value.clusterDim.y,
                           attribute.value.clusterDim.z};
        request.names_cluster = true;
        break;
      case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
        request.preferred_cluster = {attribute.value.preferredClusterDim.x,
                                     attribute.value.preferredClusterDim.y,
                                     attribute.value.preferredClusterDim.z};
        break;
      case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
        request.is_cooperative = attribute.value.cooperative != 0;
        break;
      case CU_LAUNCH_ATTRIBUTE_IGNORE:
      case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
      case CU_LAUNCH_ATTRIBUTE_PRIORITY:
      case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
      case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
      case CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING:
        break;
      case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
        request.is_programmatic = attribute.value.programmaticStreamSerializationAllowed != 0;
        break;
      case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
        request.programmatic_event =
            reinterpret_cast<cudaEvent_t>(attribute.value.programmaticEvent.event);
        break;
      case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
        request.launch_completion_event =
            reinterpret_cast<cudaEvent_t>(attribute.value.launchCompletionEvent.event);
        break;
      default:
        return cudaErrorNotSupported;
    }
  }
  return cudaSuccess;
}

int attribute_of(const cudaFuncAttributes& all, CUfunction_attribute attribute, bool& is_known) {
  is_known = true;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      return all.maxThreadsPerBlock;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      return static_cast<int>(all.sharedSizeBytes);
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      return static_cast<int>(all.localSizeBytes);
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      return all.numRegs;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
      return all.ptxVersion;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      return all.binaryVersion;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      return all.maxDynamicSharedSizeBytes;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      return all.preferredShmemCarveout;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
      return all.nonPortableClusterSizeAllowed;
    default:
      is_known = false;
      return 0;
  }
}

}  // namespace

extern "C" {

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  return load("cuModuleLoadData", module, image, {});
}
CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned option_count,
                            CUjit_option* options, void** values) {
  return load("cuModuleLoadDataEx", module, image, api::JitLog(option_count, options, values));
}
CUresult cuModuleLoadFatBinary(CUmodule* module, const void* image) {
  return load("cuModuleLoadFatBinary", module, image, {});
}
CUresult cuModuleLoad(CUmodule* module, const char* file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  return stream ? cuModuleLoadData(module, content.str().c_str()) : CUDA_ERROR_FILE_NOT_FOUND;
}
CUresult cuModuleUnload(CUmodule module) {
  return driver_call("cuModuleUnload", [&](Core& core) {
    auto* const loaded = reinterpret_cast<Module*>(module);
    if (!core.modules().is_module(loaded)) {
      return cudaErrorInvalidResourceHandle;
    }
    for (int i = 0; i < core.device_count(); ++i) {
      core.executor().drain(core.device(i));
    }
    core.modules().unload(loaded);
    return cudaSuccess;
  });
}
CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  *mode = CU_MODULE_LAZY_LOADING;
  return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  return driver_call("cuModuleGetFunction", [&](Core& core) {
    auto* loaded = reinterpret_cast<Module*>(module);
    if (!core.modules().is_module(loaded)) {
      return cudaErrorInvalidResourceHandle;
    }
    Kernel* kernel = loaded->kernel(name);
    engine::ResolvedKernel resolved;
    *function = reinterpret_cast<CUfunction>(kernel);
    return loaded->resolve(*kernel, engine::current_device().ordinal, resolved);
  });
}
CUresult cuModuleGetGlobal(CUdeviceptr* address, std::size_t* bytes, CUmodule module,
                           const char* name) {
  return driver_call("cuModuleGetGlobal", [&](Core& core) {
    auto* loaded = reinterpret_cast<Module*>(module);
    if (!core.modules().is_module(loaded)) {
      return cudaErrorInvalidResourceHandle;
    }
    void* place = nullptr;
    std::uint64_t size = 0;
    const cudaError_t error =
        engine::find_symbol({loaded, name, 0}, engine::current_device().ordinal, &place, &size);
    if (address != nullptr) {
      *address = reinterpret_cast<CUdeviceptr>(place);
    }
    if (bytes != nullptr) {
      *bytes = size;
    }
    return error;
  });
}

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  return with_function("cuFuncGetAttribute", function, [&](Kernel& kernel) {
    cudaFuncAttributes all{};
    const cudaError_t error = engine::function_attributes(kernel, engine::current_device(), all);
    bool is_known = false;
    *value = attribute_of(all, attribute, is_known);
    return error != cudaSuccess || is_known ? error : cudaErrorNotSupported;
  });
}
CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  return with_function("cuFuncSetAttribute", function, [&](Kernel& kernel) {
    return engine::set_function_attribute(kernel, engine::current_device(),
                                          static_cast<cudaFuncAttribute>(attribute), value);
  });
}
CUresult cuFuncSetCacheConfig(CUfunction function, CUfunc_cache /*config*/) {
  return with_function("cuFuncSetCacheConfig", function, [](Kernel&) { return cudaSuccess; });
}
CUresult cuFuncGetModule(CUmodule* module, CUfunction function) {
  return with_function("cuFuncGetModule", function, [&](Kernel& kernel) {
    *module = reinterpret_cast<CUmodule>(kernel.module);
    return cudaSuccess;
  });
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads,
                                                     std::size_t dynamic_shared_bytes) {
  return with_function(
      "cuOccupancyMaxActiveBlocksPerMultiprocessor", function, [&](Kernel& kernel) {
        std::uint32_t fit = 0;
        const cudaError_t error = engine::blocks_per_sm(
            kernel, engine::current_device(), static_cast<std::uint64_t>(std::max(threads, 0)),
            dynamic_shared_bytes, fit);
        *blocks = static_cast<int>(fit);
        return error;
      });
}

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                        CUstream stream, void** arguments, void** extra) {
  engine::LaunchRequest request;
  request.grid = {grid_x, grid_y, grid_z};
  request.block = {block_x, block_y, block_z};
  request.dynamic_shared_bytes = shared_bytes;
  request.arguments = arguments;
  return launch("cuLaunchKernel", function, request, stream, extra);
}
CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                   unsigned grid_z, unsigned block_x, unsigned block_y,
                                   unsigned block_z, unsigned shared_bytes, CUstream stream,
                                   void** arguments) {
  engine::LaunchRequest request;
  request.grid = {grid_x, grid_y, grid_z};
  request.block = {block_x, block_y, block_z};
  request.dynamic_shared_bytes = shared_bytes;
  request.is_cooperative = true;
  request.arguments = arguments;
  return launch("cuLaunchCooperativeKernel", function, request, stream, nullptr);
}
CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** arguments,
                          void** extra) {
  engine::LaunchRequest request;
  request.grid = {config->gridDimX, config->gridDimY, config->gridDimZ};
  request.block = {config->blockDimX, config->blockDimY, config->blockDimZ};
  request.dynamic_shared_bytes = config->sharedMemBytes;
  request.arguments = arguments;
  if (const cudaError_t error = read_attributes(*config, request); error != cudaSuccess) {
    return api::to_driver(error);
  }
  return launch("cuLaunchKernelEx", function, request, config->hStream, extra);
}
CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
  return driver_call("cuLaunchHostFunc", [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(handle);
    if (stream == nullptr || function == nullptr) {
      return stream == nullptr ? cudaErrorInvalidResourceHandle : cudaErrorInvalidValue;
    }
    engine::enqueue_host_function(*stream, function, data);
    return cudaSuccess;
  });
}

}  // extern "C"

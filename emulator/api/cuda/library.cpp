// Driver: libraries and context-independent kernels. A CUlibrary is a module, a CUkernel is what a
// CUfunction is: both serve all devices.

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/api/cuda/forward.hpp"
#include "emulator/api/cuda/jit_log.hpp"
#include "emulator/engine/launch.hpp"
#include "emulator/engine/module_contents.hpp"

#include <cuda.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_query;
using engine::Core;
using engine::Kernel;
using engine::Module;

namespace {

Module* to_module(CUlibrary library) {
  return reinterpret_cast<Module*>(library);
}
Kernel* to_kernel(const void* handle) {
  return static_cast<Kernel*>(const_cast<void*>(handle));
}

CUresult load(const char* name, CUlibrary* library, const void* image, const api::JitLog& log) {
  return driver_query(name, [&](Core& core) { return api::load_image(core, image, log, library); });
}

/// `body(module, names of its kernels)`.
template <typename Body>
CUresult with_kernels(const char* name, const void* handle, Body&& body) {
  return driver_query(name, [&](Core& core) {
    auto* const module = static_cast<Module*>(const_cast<void*>(handle));
    if (!core.modules().is_module(module)) {
      return cudaErrorInvalidResourceHandle;
    }
    std::vector<std::string> names;
    const cudaError_t error =
        engine::kernel_names(*module, engine::current_device().ordinal, names);
    return error == cudaSuccess ? std::forward<Body>(body)(*module, names) : error;
  });
}

template <typename Handle>
CUresult enumerate(const char* name, Handle* handles, unsigned count, const void* module) {
  return with_kernels(name, module, [&](Module& owner, const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < count && i < names.size(); ++i) {
      handles[i] = reinterpret_cast<Handle>(owner.kernel(names[i]));
    }
    return cudaSuccess;
  });
}

CUresult count_kernels(const char* name, unsigned* count, const void* module) {
  return with_kernels(name, module, [&](Module&, const std::vector<std::string>& names) {
    *count = static_cast<unsigned>(names.size());
    return cudaSuccess;
  });
}

template <typename Body>
CUresult with_kernel(const char* name, const void* handle, Body&& body) {
  return driver_query(name, [&](Core& core) {
    Kernel* const kernel = to_kernel(handle);
    return core.modules().is_kernel(kernel) ? std::forward<Body>(body)(core, *kernel)
                                            : cudaErrorInvalidResourceHandle;
  });
}

CUresult name_of(const char* name, const char** text, const void* handle) {
  return with_kernel(name, handle, [&](Core&, Kernel& kernel) {
    *text = kernel.name.c_str();
    return cudaSuccess;
  });
}

CUresult parameter_of(const char* name, const void* handle, std::size_t index, std::size_t* offset,
                      std::size_t* bytes) {
  return with_kernel(name, handle, [&](Core&, Kernel& kernel) {
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
    if (bytes != nullptr) {
      *bytes = info.parameter_sizes[index];
    }
    return cudaSuccess;
  });
}

/// Runs `body` with `device` current, for functions that name theirs.
template <typename Body>
CUresult on_device(Core& core, CUdevice device, Body&& body) {
  if (!core.is_device(device)) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  engine::ThreadState& thread = engine::thread_state();
  const engine::ThreadState before = thread;
  thread.device = device;
  thread.has_context = true;
  const CUresult result = std::forward<Body>(body)();
  thread.device = before.device;
  thread.has_context = before.has_context;
  return result;
}

}  // namespace

extern "C" {

CUresult cuLibraryLoadData(CUlibrary* library, const void* image, CUjit_option* options,
                           void** values, unsigned option_count, CUlibraryOption* /*hints*/,
                           void** /*hint_values*/, unsigned /*hint_count*/) {
  return load("cuLibraryLoadData", library, image, api::JitLog(option_count, options, values));
}
CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* path, CUjit_option* options,
                               void** values, unsigned option_count, CUlibraryOption* hints,
                               void** hint_values, unsigned hint_count) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  return stream ? cuLibraryLoadData(library, content.str().c_str(), options, values, option_count,
                                    hints, hint_values, hint_count)
                : CUDA_ERROR_FILE_NOT_FOUND;
}
CUresult cuLibraryUnload(CUlibrary library) {
  return driver_query("cuLibraryUnload", [&](Core& core) {
    if (!core.modules().is_module(to_module(library))) {
      return cudaErrorInvalidResourceHandle;
    }
    for (int i = 0; i < core.device_count(); ++i) {
      core.executor().drain(core.device(i));
    }
    core.modules().unload(to_module(library));
    return cudaSuccess;
  });
}
CUresult cuLibraryGetModule(CUmodule* module, CUlibrary library) {
  return driver_query("cuLibraryGetModule", [&](Core& core) {
    *module = reinterpret_cast<CUmodule>(library);
    return core.modules().is_module(to_module(library)) ? cudaSuccess
                                                        : cudaErrorInvalidResourceHandle;
  });
}
CUresult cuLibraryGetKernel(CUkernel* kernel, CUlibrary library, const char* name) {
  return with_kernels("cuLibraryGetKernel", library,
                      [&](Module& module, const std::vector<std::string>& names) {
                        if (std::find(names.begin(), names.end(), name) == names.end()) {
                          return cudaErrorInvalidDeviceFunction;  // CUDA_ERROR_NOT_FOUND
                        }
                        *kernel = reinterpret_cast<CUkernel>(module.kernel(name));
                        return cudaSuccess;
                      });
}
CUresult cuLibraryGetGlobal(CUdeviceptr* address, std::size_t* bytes, CUlibrary library,
                            const char* name) {
  return cuModuleGetGlobal(address, bytes, reinterpret_cast<CUmodule>(library), name);
}
CUresult cuLibraryGetManaged(CUdeviceptr* address, std::size_t* bytes, CUlibrary library,
                             const char* name) {
  return cuModuleGetGlobal(address, bytes, reinterpret_cast<CUmodule>(library), name);
}
CUresult cuLibraryGetKernelCount(unsigned* count, CUlibrary library) {
  return count_kernels("cuLibraryGetKernelCount", count, library);
}
CUresult cuLibraryEnumerateKernels(CUkernel* kernels, unsigned count, CUlibrary library) {
  return enumerate("cuLibraryEnumerateKernels", kernels, count, library);
}
CUresult cuModuleGetFunctionCount(unsigned* count, CUmodule module) {
  return count_kernels("cuModuleGetFunctionCount", count, module);
}
CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned count, CUmodule module) {
  return enumerate("cuModuleEnumerateFunctions", functions, count, module);
}

CUresult cuKernelGetFunction(CUfunction* function, CUkernel handle) {
  return with_kernel("cuKernelGetFunction", handle, [&](Core&, Kernel& kernel) {
    *function = reinterpret_cast<CUfunction>(&kernel);
    return cudaSuccess;
  });
}
CUresult cuKernelGetLibrary(CUlibrary* library, CUkernel handle) {
  return with_kernel("cuKernelGetLibrary", handle, [&](Core&, Kernel& kernel) {
    *library = reinterpret_cast<CUlibrary>(kernel.module);
    return cudaSuccess;
  });
}
CUresult cuKernelGetAttribute(int* value, CUfunction_attribute attribute, CUkernel kernel,
                              CUdevice device) {
  return on_device(Core::instance(), device, [&] {
    return cuFuncGetAttribute(value, attribute, reinterpret_cast<CUfunction>(kernel));
  });
}
CUresult cuKernelSetAttribute(CUfunction_attribute attribute, int value, CUkernel kernel,
                              CUdevice device) {
  return on_device(Core::instance(), device, [&] {
    return cuFuncSetAttribute(reinterpret_cast<CUfunction>(kernel), attribute, value);
  });
}
CUresult cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice device) {
  return on_device(Core::instance(), device, [&] {
    return cuFuncSetCacheConfig(reinterpret_cast<CUfunction>(kernel), config);
  });
}
CUresult cuKernelGetName(const char** name, CUkernel kernel) {
  return name_of("cuKernelGetName", name, kernel);
}
CUresult cuFuncGetName(const char** name, CUfunction function) {
  return name_of("cuFuncGetName", name, function);
}
CUresult cuKernelGetParamInfo(CUkernel kernel, std::size_t index, std::size_t* offset,
                              std::size_t* bytes) {
  return parameter_of("cuKernelGetParamInfo", kernel, index, offset, bytes);
}
CUresult cuFuncGetParamInfo(CUfunction function, std::size_t index, std::size_t* offset,
                            std::size_t* bytes) {
  return parameter_of("cuFuncGetParamInfo", function, index, offset, bytes);
}
CUresult cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction function) {
  return with_kernel("cuFuncIsLoaded", function, [&](Core&, Kernel&) {
    *state = CU_FUNCTION_LOADING_STATE_LOADED;
    return cudaSuccess;
  });
}
CUresult cuFuncLoad(CUfunction function) {
  return with_kernel("cuFuncLoad", function, [](Core&, Kernel&) { return cudaSuccess; });
}

}  // extern "C"

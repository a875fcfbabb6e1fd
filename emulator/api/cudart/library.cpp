// Libraries: modules that a program loads itself, for all devices.

#include "emulator/api/common/api_call.hpp"
#include "emulator/engine/module_contents.hpp"

#include <cuda_runtime_api.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using engine::Core;
using engine::Module;

Module* to_module(cudaLibrary_t library) {
  return reinterpret_cast<Module*>(library);
}

template <typename Body>
cudaError_t with_library(const char* name, cudaLibrary_t library, Body&& body) {
  return api_call(name, [&](Core& core) {
    return core.modules().is_module(to_module(library))
               ? std::forward<Body>(body)(*to_module(library), engine::current_device().ordinal)
               : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t find_global(const char* name, void** address, std::size_t* bytes, cudaLibrary_t library,
                        const char* symbol) {
  return with_library(name, library, [&](Module& module, int device) {
    std::uint64_t size = 0;
    const cudaError_t error = engine::find_symbol({&module, symbol, 0}, device, address, &size);
    if (bytes != nullptr) {
      *bytes = size;
    }
    return error == cudaErrorInvalidSymbol ? cudaErrorSymbolNotFound : error;
  });
}

}  // namespace

extern "C" {

cudaError_t cudaLibraryLoadData(cudaLibrary_t* library, const void* image, cudaJitOption* /*jit*/,
                                void** /*values*/, unsigned /*jit_count*/,
                                cudaLibraryOption* /*hints*/, void** /*hint_values*/,
                                unsigned /*hint_count*/) {
  return api_call("cudaLibraryLoadData", [&](Core& core) {
    if (library == nullptr || image == nullptr) {
      return cudaErrorInvalidValue;
    }
    Module* module = nullptr;
    const cudaError_t error =
        core.modules().load_image(image, engine::current_device().ordinal, &module);
    if (error != cudaSuccess && module != nullptr) {
      core.modules().unload(module);
    } else {
      *library = reinterpret_cast<cudaLibrary_t>(module);
    }
    return error;
  });
}
cudaError_t cudaLibraryLoadFromFile(cudaLibrary_t* library, const char* path, cudaJitOption* jit,
                                    void** values, unsigned jit_count, cudaLibraryOption* hints,
                                    void** hint_values, unsigned hint_count) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  if (!stream) {
    return api_call("cudaLibraryLoadFromFile", [](Core&) { return cudaErrorFileNotFound; });
  }
  return cudaLibraryLoadData(library, content.str().c_str(), jit, values, jit_count, hints,
                             hint_values, hint_count);
}
cudaError_t cudaLibraryUnload(cudaLibrary_t library) {
  return api_call("cudaLibraryUnload", [&](Core& core) {
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
cudaError_t cudaLibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t library, const char* name) {
  return with_library("cudaLibraryGetKernel", library, [&](Module& module, int device) {
    engine::Kernel* const found = module.kernel(name);
    engine::ResolvedKernel resolved;
    const cudaError_t error = module.resolve(*found, device, resolved);
    *kernel = error == cudaSuccess ? reinterpret_cast<cudaKernel_t>(found) : nullptr;
    return error == cudaErrorInvalidDeviceFunction ? cudaErrorSymbolNotFound : error;
  });
}
cudaError_t cudaLibraryGetKernelCount(unsigned* count, cudaLibrary_t library) {
  return with_library("cudaLibraryGetKernelCount", library, [&](Module& module, int device) {
    std::vector<std::string> names;
    const cudaError_t error = engine::kernel_names(module, device, names);
    *count = static_cast<unsigned>(names.size());
    return error;
  });
}
cudaError_t cudaLibraryEnumerateKernels(cudaKernel_t* kernels, unsigned count,
                                        cudaLibrary_t library) {
  return with_library("cudaLibraryEnumerateKernels", library, [&](Module& module, int device) {
    std::vector<std::string> names;
    const cudaError_t error = engine::kernel_names(module, device, names);
    for (std::size_t i = 0; i < count && i < names.size(); ++i) {
      kernels[i] = reinterpret_cast<cudaKernel_t>(module.kernel(names[i]));
    }
    return error;
  });
}
cudaError_t cudaLibraryGetGlobal(void** address, std::size_t* bytes, cudaLibrary_t library,
                                 const char* name) {
  return find_global("cudaLibraryGetGlobal", address, bytes, library, name);
}
cudaError_t cudaLibraryGetManaged(void** address, std::size_t* bytes, cudaLibrary_t library,
                                  const char* name) {
  return find_global("cudaLibraryGetManaged", address, bytes, library, name);
}

}  // extern "C"

// Driver functions by name, and the two answers that need no device.

#include "emulator/api/common/api_call.hpp"

#include <cuda_runtime_api.h>

#include <dlfcn.h>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API

using GetProcAddress = int (*)(const char*, void**, int, unsigned long long, int*);

// libcuda.so.1 lies beside this library; like NVIDIA's runtime, load it when it is asked for.
GetProcAddress driver_lookup() {
  static const auto function = [] {
    void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      return GetProcAddress{nullptr};
    }
    // Whoever gets a driver function from the runtime may call it without cuInit.
    reinterpret_cast<int (*)(unsigned)>(dlsym(library, "cuInit"))(0);
    return reinterpret_cast<GetProcAddress>(dlsym(library, "cuGetProcAddress_v2"));
  }();
  return function;
}

cudaError_t look_up(const char* symbol, void** function, int version, unsigned long long flags,
                    cudaDriverEntryPointQueryResult* result) {
  return api::query_call("cudaGetDriverEntryPoint", [&](engine::Core&) {
    if (symbol == nullptr || function == nullptr) {
      return cudaErrorInvalidValue;
    }
    *function = nullptr;
    int status = 1;
    const GetProcAddress find = driver_lookup();
    const bool is_found = find != nullptr && find(symbol, function, version, flags, &status) == 0;
    if (result != nullptr) {
      *result = is_found ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
      return cudaSuccess;
    }
    return is_found ? cudaSuccess : cudaErrorSymbolNotFound;
  });
}

}  // namespace

extern "C" {

cudaError_t cudaGetDriverEntryPoint(const char* symbol, void** function, unsigned long long flags,
                                    cudaDriverEntryPointQueryResult* result) {
  return look_up(symbol, function, CUDART_VERSION, flags, result);
}
cudaError_t cudaGetDriverEntryPoint_ptsz(const char* symbol, void** function,
                                         unsigned long long flags,
                                         cudaDriverEntryPointQueryResult* result) {
  return look_up(symbol, function, CUDART_VERSION, flags, result);
}
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned version,
                                             unsigned long long flags,
                                             cudaDriverEntryPointQueryResult* result) {
  return look_up(symbol, function, static_cast<int>(version), flags, result);
}
cudaError_t cudaGetDriverEntryPointByVersion_ptsz(const char* symbol, void** function,
                                                  unsigned version, unsigned long long flags,
                                                  cudaDriverEntryPointQueryResult* result) {
  return look_up(symbol, function, static_cast<int>(version), flags, result);
}

cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w,
                                            cudaChannelFormatKind kind) {
  return {x, y, z, w, kind};
}

}  // extern "C"

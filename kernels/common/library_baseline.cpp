#include "kernels/common/library_baseline.hpp"

#include <cuda_runtime_api.h>

#include <dlfcn.h>

namespace rackproof::kernels {

std::optional<NotSupported> device_is_not_a_gpu() {
  int device = 0;
  cudaDeviceProp properties{};
  cudaError_t status = cudaGetDevice(&device);
  if (status == cudaSuccess) {
    status = cudaGetDeviceProperties(&properties, device);
  }
  if (status != cudaSuccess) {
    cudaGetLastError();  // the failure is reported here and not by the next call
    return NotSupported{std::string("no CUDA device: ") + cudaGetErrorString(status)};
  }
  if (std::string_view(properties.name).ends_with("(emulated)")) {
    return NotSupported{"the library carries its own CUDA runtime, which runs on a GPU only; '" +
                        std::string(properties.name) + "' is none"};
  }
  return std::nullopt;
}

SharedLibrary::SharedLibrary(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) {
      error_.clear();
      return;
    }
    error_ = dlerror();  // NOLINT(concurrency-mt-unsafe): thread-local in glibc
  }
}

SharedLibrary::~SharedLibrary() {
  if (handle_ != nullptr) {
    dlclose(handle_);
  }
}

void* SharedLibrary::symbol(const char* name) const {
  return dlsym(handle_, name);
}

}  // namespace rackproof::kernels

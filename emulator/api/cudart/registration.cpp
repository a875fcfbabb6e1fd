// What nvcc's generated code calls: registration before main, and the <<<>>> launch.

#include "emulator/api/common/api_call.hpp"
#include "emulator/api/cudart/kernel_launch.hpp"
#include "emulator/engine/modules.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <vector>

namespace {

using rackproof::emulator::api::query_call;
using rackproof::emulator::engine::Core;
using rackproof::emulator::engine::Module;

struct CallConfiguration {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  cudaStream_t stream = nullptr;
};

std::vector<CallConfiguration>& configurations() {
  thread_local std::vector<CallConfiguration> stack;
  return stack;
}

Module* module_of(void** handle) {
  return reinterpret_cast<Module*>(handle);
}

}  // namespace

extern "C" {

void** __cudaRegisterFatBinary(void* wrapper) {
  return reinterpret_cast<void**>(Core::instance().modules().register_fatbin(wrapper));
}

void __cudaRegisterFatBinaryEnd(void** /*handle*/) {}

void __cudaUnregisterFatBinary(void** handle) {
  Core::instance().modules().unregister(module_of(handle));
}

void __cudaRegisterFunction(void** handle, const char* host_function, char* /*device_function*/,
                            const char* device_name, int /*thread_limit*/, uint3* /*tid*/,
                            uint3* /*bid*/, dim3* /*block*/, dim3* /*grid*/, int* /*warp_size*/) {
  Core::instance().modules().register_function(module_of(handle), host_function, device_name);
}

void __cudaRegisterVar(void** handle, char* host_variable, char* /*device_address*/,
                       const char* device_name, int /*ext*/, std::size_t size, int /*constant*/,
                       int /*global*/) {
  Core::instance().modules().register_variable(host_variable,
                                               {module_of(handle), device_name, size});
}

void __cudaRegisterManagedVar(void** handle, void** host_pointer, char* /*device_address*/,
                              const char* device_name, int /*ext*/, std::size_t size,
                              int /*constant*/, int /*global*/) {
  auto& modules = Core::instance().modules();
  modules.register_managed(module_of(handle), host_pointer, device_name);
  modules.register_variable(host_pointer, {module_of(handle), device_name, size});
}

char __cudaInitModule(void** handle) {
  Core& core = Core::instance();
  if (core.status() != cudaSuccess) {
    return 0;
  }
  core.modules().init_managed(module_of(handle),
                              rackproof::emulator::engine::current_device().ordinal);
  return 1;
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared_bytes,
                                     void* stream) {
  configurations().push_back({grid, block, shared_bytes, static_cast<cudaStream_t>(stream)});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared_bytes,
                                       void* stream) {
  if (configurations().empty()) {
    return cudaErrorMissingConfiguration;
  }
  const CallConfiguration top = configurations().back();
  configurations().pop_back();
  *grid = top.grid;
  *block = top.block;
  *shared_bytes = top.shared_bytes;
  *static_cast<cudaStream_t*>(stream) = top.stream;
  return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host_function) {
  return cudaGetKernel(kernel, host_function);
}

cudaError_t cudaGetKernel(cudaKernel_t* kernel, const void* host_function) {
  return query_call("cudaGetKernel", [&](Core& core) {
    auto* found = core.modules().find_kernel(host_function);
    *kernel = reinterpret_cast<cudaKernel_t>(found);
    return found == nullptr ? cudaErrorInvalidDeviceFunction : cudaSuccess;
  });
}

cudaError_t cudaGetFuncBySymbol(cudaFunction_t* function, const void* symbol) {
  return query_call("cudaGetFuncBySymbol", [&](Core& core) {
    auto* found = core.modules().find_kernel(symbol);
    *function = reinterpret_cast<cudaFunction_t>(found);
    return found == nullptr ? cudaErrorInvalidDeviceFunction : cudaSuccess;
  });
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               std::size_t shared_bytes, cudaStream_t stream) {
  return rackproof::emulator::api::launch_kernel("cudaLaunchKernel", kernel, grid, block, arguments,
                                                 shared_bytes, stream, false);
}

cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                                    std::size_t shared_bytes, cudaStream_t stream) {
  return rackproof::emulator::api::launch_kernel("cudaLaunchKernel", kernel, grid, block, arguments,
                                                 shared_bytes, stream, true);
}

}  // extern "C"

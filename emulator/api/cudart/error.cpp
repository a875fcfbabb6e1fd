// Errors: the thread's last error, and the sticky error of a faulted device.

#include "emulator/api/common/error_text.hpp"
#include "emulator/engine/core.hpp"

#include <cuda_runtime_api.h>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API

cudaError_t current_error() {
  engine::Core& core = engine::Core::instance();
  if (core.status() == cudaSuccess) {
    if (const cudaError_t sticky = sticky_error(engine::current_device()); sticky != cudaSuccess) {
      return sticky;
    }
  }
  return engine::thread_state().last_error;
}

}  // namespace

extern "C" {

cudaError_t cudaGetLastError() {
  const cudaError_t error = current_error();
  engine::thread_state().last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() {
  return current_error();
}
const char* cudaGetErrorName(cudaError_t error) {
  return api::error_name(error);
}
const char* cudaGetErrorString(cudaError_t error) {
  return api::error_description(error);
}

}  // extern "C"

#pragma once
/// What every driver API function does around its own work.

#include "emulator/engine/core.hpp"
#include "emulator/engine/report.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdio>
#include <exception>
#include <utility>

namespace rackproof::emulator::api {

/// The engine speaks the runtime's codes; most have the same number in the driver.
[[nodiscard]] inline CUresult to_driver(cudaError_t error) {
  switch (error) {
    case cudaErrorInvalidConfiguration:
    case cudaErrorInvalidPitchValue:
    case cudaErrorInvalidDevicePointer:
    case cudaErrorInvalidMemcpyDirection:
      return CUDA_ERROR_INVALID_VALUE;
    case cudaErrorInvalidSymbol:
    case cudaErrorInvalidDeviceFunction:
      return CUDA_ERROR_NOT_FOUND;
    default:
      return static_cast<CUresult>(error);
  }
}

/// cuInit has been called, by the program or, as NVIDIA's does, by the runtime.
[[nodiscard]] bool is_driver_initialized();

/// For functions that need cuInit and no context.
template <typename Body>
CUresult driver_query(const char* name, Body&& body) noexcept {
  engine::Core& core = engine::Core::instance();
  cudaError_t error = core.status();
  if (error == cudaSuccess && !is_driver_initialized()) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  try {
    error = error == cudaSuccess ? std::forward<Body>(body)(core) : error;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "rackproof emulator: %s: %s\n", name, problem.what());
    error = cudaErrorUnknown;
  }
  if (core.report().is_tracing()) {
    core.report().call(name, error);
  }
  return to_driver(error);
}

/// For functions that work in the current context.
template <typename Body>
CUresult driver_call(const char* name, Body&& body) noexcept {
  return driver_query(name, [&](engine::Core& core) {
    if (!engine::thread_state().has_context) {
      return cudaErrorDeviceUninitialized;
    }
    const engine::Device& device = engine::current_device();
    if (const cudaError_t error = sticky_error(device); error != cudaSuccess) {
      return error;
    }
    const cudaError_t error = std::forward<Body>(body)(core);
    return error == cudaSuccess ? sticky_error(device) : error;
  });
}

}  // namespace rackproof::emulator::api

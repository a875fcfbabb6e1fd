#pragma once
/// What every runtime API function does around its own work: initialise, obey the device's sticky
/// error, remember the last error, trace.

#include "emulator/engine/core.hpp"
#include "emulator/engine/report.hpp"

#include <cuda_runtime_api.h>

#include <cstdio>
#include <exception>
#include <new>
#include <utility>

namespace rackproof::emulator::api {

/// Records `error` for cudaGetLastError (cudaErrorNotReady is an answer, not an error) and traces.
inline cudaError_t finish_call(const char* name, cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) {
    engine::thread_state().last_error = error;
  }
  if (engine::Core::instance().report().is_tracing()) {
    engine::Core::instance().report().call(name, error);
  }
  return error;
}

/// For functions that work on a faulted device too (queries about the host's own state).
template <typename Body>
cudaError_t query_call(const char* name, Body&& body) noexcept {
  engine::Core& core = engine::Core::instance();
  if (core.status() != cudaSuccess) {
    return finish_call(name, core.status());
  }
  try {
    return finish_call(name, std::forward<Body>(body)(core));
  } catch (const std::bad_alloc&) {
    return finish_call(name, cudaErrorMemoryAllocation);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rackproof emulator: %s: %s\n", name, error.what());
    return finish_call(name, cudaErrorUnknown);
  }
}

/// For functions that touch the current device: its sticky error comes first, and last, since a
/// synchronous call reports what it waited for.
template <typename Body>
cudaError_t api_call(const char* name, Body&& body) noexcept {
  return query_call(name, [&](engine::Core& core) {
    const engine::Device& device = engine::current_device();
    engine::thread_state().has_context = true;
    if (const cudaError_t error = sticky_error(device); error != cudaSuccess) {
      return error;
    }
    const cudaError_t error = std::forward<Body>(body)(core);
    return error == cudaSuccess ? sticky_error(device) : error;
  });
}

}  // namespace rackproof::emulator::api

#pragma once
/// Driver functions that are the runtime's under another name.

#include "emulator/api/cuda/driver_call.hpp"

namespace rackproof::emulator::api {

/// `body()` calls the runtime; cudaGetLastError does not see its error.
template <typename Body>
CUresult forward(const char* name, Body&& body) noexcept {
  return driver_call(name, [&](engine::Core&) {
    const cudaError_t last_error = engine::thread_state().last_error;
    const cudaError_t error = std::forward<Body>(body)();
    engine::thread_state().last_error = last_error;
    return error;
  });
}

}  // namespace rackproof::emulator::api

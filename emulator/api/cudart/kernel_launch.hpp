#pragma once
/// The launch that all forms of the runtime's launch functions end in.

#include <cuda_runtime_api.h>

#include <cstddef>

namespace rackproof::emulator::api {

/// `function` is a host function or a kernel handle.
cudaError_t launch_kernel(const char* name, const void* function, dim3 grid, dim3 block,
                          void** arguments, std::size_t shared_bytes, cudaStream_t stream,
                          bool is_per_thread, bool is_cooperative = false);

}  // namespace rackproof::emulator::api

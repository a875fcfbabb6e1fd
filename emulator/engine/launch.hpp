#pragma once
/// Kernel launches: CUDA's checks, then one grid in a stream.

#include "emulator/engine/modules.hpp"
#include "emulator/engine/operation.hpp"
#include "emulator/engine/stream.hpp"
#include "emulator/exec/grid.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace rackproof::emulator::engine {

struct Device;

struct LaunchRequest {
  exec::Dim3 grid;
  exec::Dim3 block;
  exec::Dim3 cluster;
  exec::Dim3 preferred_cluster{0, 0, 0};
  bool names_cluster = false;  ///< `cluster` was given: cudaLaunchAttributeClusterDimension
  std::uint64_t dynamic_shared_bytes = 0;
  bool is_cooperative = false;
  bool is_programmatic = false;  ///< cudaLaunchAttributeProgrammaticStreamSerialization
  /// cudaLaunchAttributeProgrammaticEvent, cudaLaunchAttributeLaunchCompletionEvent; nullptr: none.
  cudaEvent_t programmatic_event = nullptr;
  cudaEvent_t launch_completion_event = nullptr;
  int priority = 0;
  const void* function = nullptr;  ///< as the program names the kernel; nullptr: its handle
  /// One pointer a parameter (cudaLaunchKernel), or
  void** arguments = nullptr;
  /// the whole parameter block (CU_LAUNCH_PARAM_BUFFER_POINTER).
  const void* parameter_buffer = nullptr;
  std::size_t parameter_buffer_bytes = 0;
};

/// A launch whose configuration was checked: what a stream or a graph node executes.
struct PreparedLaunch {
  ResolvedKernel kernel;
  exec::LaunchConfig config;
  bool is_programmatic = false;
};
cudaError_t prepare_launch(Kernel& kernel, Device& device, const LaunchRequest& request,
                           PreparedLaunch& prepared);
[[nodiscard]] std::unique_ptr<Operation> make_operation(const PreparedLaunch& prepared);

/// Appends the grid to `stream`, or to the graph that the stream captures. Errors of the
/// configuration come back at once; what the kernel does wrong becomes the device's sticky error.
cudaError_t launch(Kernel& kernel, Stream& stream, const LaunchRequest& request);

/// Registers, shared memory and limits of a kernel on a device.
cudaError_t function_attributes(Kernel& kernel, Device& device, cudaFuncAttributes& attributes);

/// cudaFuncSetAttribute; CUfunction_attribute has the same numbers.
cudaError_t set_function_attribute(Kernel& kernel, Device& device, cudaFuncAttribute attribute,
                                   int value);

/// CTAs of this shape that fit on one SM at once.
cudaError_t blocks_per_sm(Kernel& kernel, Device& device, std::uint64_t threads,
                          std::uint64_t dynamic_shared_bytes, std::uint32_t& blocks);

}  // namespace rackproof::emulator::engine

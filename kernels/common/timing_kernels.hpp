#pragma once
/// What measuring needs on the device: a delay that hides launch skew, and an L2 flush.

#include "runtime/device_buffer.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>

namespace rackproof::kernels {

/// Enqueues one thread that waits for `seconds` of the device's own clock. Work enqueued behind it
/// is ready before the first of it starts, so that launch overhead is not measured. It waits for
/// nothing else and gives up after a fixed number of polls: it cannot hang, only end early.
void enqueue_delay(cudaStream_t stream, double seconds);

/// Overwrites a buffer of twice the L2 capacity, so that the next kernel finds none of its inputs
/// there. Allocates once, on the device that is current at construction.
class L2Flush {
 public:
  L2Flush();
  void enqueue(cudaStream_t stream);
  [[nodiscard]] std::size_t bytes() const noexcept { return buffer_.size_bytes(); }

 private:
  runtime::DeviceBuffer<std::byte> buffer_;
};

}  // namespace rackproof::kernels

#pragma once
/// Move-only CUDA stream.

#include <cuda_runtime_api.h>

namespace rackproof::runtime {

/// Owns a non-blocking stream of the device that is current at construction.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] cudaStream_t get() const noexcept { return stream_; }
  void synchronize() const;
  /// True when all work enqueued so far has finished; throws on an asynchronous error.
  [[nodiscard]] bool is_idle() const;

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace rackproof::runtime

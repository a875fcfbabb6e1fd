#pragma once
/// Move-only CUDA timing event.

#include <cuda_runtime_api.h>

namespace rackproof::runtime {

/// Owns a timing event of the device that is current at construction.
class Event {
 public:
  Event();
  ~Event();
  Event(Event&& other) noexcept;
  Event& operator=(Event&& other) noexcept;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  [[nodiscard]] cudaEvent_t get() const noexcept { return event_; }
  void record(cudaStream_t stream);
  /// True when the recorded point has been reached; throws on an asynchronous error.
  [[nodiscard]] bool is_reached() const;

 private:
  cudaEvent_t event_ = nullptr;
};

/// Device time between two reached events in seconds (resolution about 0.5 us on a GPU).
[[nodiscard]] double elapsed_s(const Event& start, const Event& stop);

}  // namespace rackproof::runtime

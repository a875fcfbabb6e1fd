#include "runtime/event.hpp"

#include "runtime/error.hpp"

#include <utility>

namespace rackproof::runtime {

Event::Event() {
  RACKPROOF_CUDA(cudaEventCreate(&event_));
}

Event::~Event() {
  if (event_ != nullptr) {
    RACKPROOF_CUDA_NOEXCEPT(cudaEventDestroy(event_));
  }
}

Event::Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}

Event& Event::operator=(Event&& other) noexcept {
  std::swap(event_, other.event_);
  return *this;
}

void Event::record(cudaStream_t stream) {
  RACKPROOF_CUDA(cudaEventRecord(event_, stream));
}

bool Event::is_reached() const {
  const cudaError_t state = cudaEventQuery(event_);
  if (state == cudaErrorNotReady) {
    return false;
  }
  throw_on_error(state, "cudaEventQuery(event_)");
  return true;
}

double elapsed_s(const Event& start, const Event& stop) {
  float elapsed_ms = 0;
  RACKPROOF_CUDA(cudaEventElapsedTime(&elapsed_ms, start.get(), stop.get()));
  return static_cast<double>(elapsed_ms) * 1e-3;
}

}  // namespace rackproof::runtime

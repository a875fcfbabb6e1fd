#include "runtime/stream.hpp"

#include "runtime/error.hpp"

#include <utility>

namespace rackproof::runtime {

Stream::Stream() {
  RACKPROOF_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

Stream::~Stream() {
  if (stream_ != nullptr) {
    RACKPROOF_CUDA_NOEXCEPT(cudaStreamDestroy(stream_));
  }
}

Stream::Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  std::swap(stream_, other.stream_);
  return *this;
}

void Stream::synchronize() const {
  RACKPROOF_CUDA(cudaStreamSynchronize(stream_));
}

bool Stream::is_idle() const {
  const cudaError_t state = cudaStreamQuery(stream_);
  if (state == cudaErrorNotReady) {
    return false;
  }
  throw_on_error(state, "cudaStreamQuery(stream_)");
  return true;
}

}  // namespace rackproof::runtime

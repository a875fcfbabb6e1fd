#pragma once
/// Which stream a copy or fill goes to, and whether the call waits.

#include <cuda_runtime_api.h>

namespace rackproof::emulator::api {

struct Ordering {
  cudaStream_t stream = nullptr;
  bool is_per_thread = false;
  bool is_synchronous = true;
};

inline constexpr Ordering kSync{};
inline constexpr Ordering kSyncPerThread{nullptr, true, true};
inline Ordering asynchronous(cudaStream_t stream) {
  return {stream, false, false};
}
inline Ordering async_per_thread(cudaStream_t stream) {
  return {stream, true, false};
}

}  // namespace rackproof::emulator::api

#include "kernels/common/timing_kernels.hpp"
#include "kernels/ptx/timer.cuh"
#include "runtime/error.hpp"

namespace rackproof::kernels {
namespace {

__global__ void delay_kernel(std::uint64_t duration_ns) {
  constexpr std::uint32_t kPollNs = 500;
  // A clock that stands still ends the wait too.
  constexpr int kMostPolls = 1 << 22;
  const std::uint64_t start_ns = ptx::globaltimer_ns();
  for (int poll = 0; poll < kMostPolls; ++poll) {
    if (ptx::globaltimer_ns() - start_ns >= duration_ns) {
      return;
    }
    ptx::nanosleep(kPollNs);
  }
}

}  // namespace

void enqueue_delay(cudaStream_t stream, double seconds) {
  constexpr double kNsPerSecond = 1e9;
  delay_kernel<<<1, 1, 0, stream>>>(static_cast<std::uint64_t>(seconds * kNsPerSecond));
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace rackproof::kernels

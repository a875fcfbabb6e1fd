/// Latency: one thread follows pointers, each access waits for the one before it.

#include "kernels/memory/memory_kernel.hpp"
#include "kernels/ptx/memory.cuh"
#include "runtime/error.hpp"

#include <algorithm>

namespace rackproof::kernels::memory {
namespace {

template <std::uint64_t Load(std::uint64_t)>
__global__ void __launch_bounds__(1) memory_chase_kernel(const ChaseArguments arguments) {
  std::uint64_t address = arguments.start;
  for (std::uint64_t i = 0; i < arguments.accesses; i += kChaseUnroll) {
#pragma unroll
    for (std::uint64_t k = 0; k < kChaseUnroll; ++k) {
      address = Load(address);
    }
  }
  *arguments.end = address;
}

__global__ void memory_link_kernel(unsigned char* nodes, const std::uint32_t* order,
                                   std::uint64_t count) {
  const std::uint64_t stride = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < count; i += stride) {
    const std::uint64_t next = order[i + 1 == count ? 0 : i + 1];
    *reinterpret_cast<unsigned char**>(nodes + order[i] * kNodeBytes) = nodes + next * kNodeBytes;
  }
}

}  // namespace

const ChaseKernel& sm80_chase_kernel(Pattern pattern) {
  static const ChaseKernel kThroughL1{
      "memory_chase_ca", reinterpret_cast<const void*>(&memory_chase_kernel<&ptx::ld_global_ca_8>)};
  static const ChaseKernel kPastL1{
      "memory_chase_cg", reinterpret_cast<const void*>(&memory_chase_kernel<&ptx::ld_global_cg_8>)};
  return pattern == Pattern::latency_l1 ? kThroughL1 : kPastL1;
}

void link_nodes(void* nodes, const std::uint32_t* order, std::uint64_t count, cudaStream_t stream) {
  constexpr std::uint64_t kThreads = 256;
  constexpr std::uint64_t kMaxBlocks = 1024;
  const std::uint64_t blocks = std::min((count + kThreads - 1) / kThreads, kMaxBlocks);
  memory_link_kernel<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(
      static_cast<unsigned char*>(nodes), order, count);
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace rackproof::kernels::memory

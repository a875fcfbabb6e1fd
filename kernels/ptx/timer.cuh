#pragma once
/// Device-side time. PTX ISA 9.0, 10 "Special Registers": %globaltimer; 9.7.19 "Miscellaneous
/// Instructions": nanosleep.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Nanoseconds of a global clock; its resolution is a property of the device (32 ns to 1 us).
__device__ __forceinline__ std::uint64_t globaltimer_ns() {
  std::uint64_t time_ns;
  asm volatile("mov.u64 %0, %%globaltimer;\n" : "=l"(time_ns)::"memory");
  return time_ns;
}

/// Suspends the thread for about `duration_ns`, at most twice as long; the limit is 1 ms.
__device__ __forceinline__ void nanosleep(std::uint32_t duration_ns) {
  asm volatile("nanosleep.u32 %0;\n" ::"r"(duration_ns) : "memory");
}

}  // namespace rackproof::kernels::ptx

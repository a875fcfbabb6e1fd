#pragma once
/// Roles of warps: who issues, how many registers a role has, whom it waits for.
/// PTX ISA 9.0, 9.7.13.16 elect.sync, 9.7.19.5 setmaxnreg, 9.7.13.1 bar.sync.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// True in one thread of the warp, which is whole here.
__device__ __forceinline__ bool elect_one() {
  std::uint32_t elected;
  asm volatile(
      "{\n"
      ".reg .pred is_elected;\n"
      "elect.sync _|is_elected, 0xffffffff;\n"
      "selp.u32 %0, 1, 0, is_elected;\n"
      "}\n"
      : "=r"(elected)
      :
      : "memory");
  return elected != 0;
}

/// Gives registers back, or takes what others gave; all warps of a warpgroup.
template <int Registers>
__device__ __forceinline__ void decrease_registers() {
  static_assert(Registers >= 24 && Registers <= 256 && Registers % 8 == 0,
                "setmaxnreg takes 24 to 256 in steps of 8");
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(Registers));
}
template <int Registers>
__device__ __forceinline__ void increase_registers() {
  static_assert(Registers >= 24 && Registers <= 256 && Registers % 8 == 0,
                "setmaxnreg takes 24 to 256 in steps of 8");
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(Registers));
}

/// Named barrier `id` (1 to 15; 0 is __syncthreads) of `threads` threads.
__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;\n" ::"r"(id), "r"(threads) : "memory");
}

}  // namespace rackproof::kernels::ptx

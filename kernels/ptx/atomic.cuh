#pragma once
/// Atomic operations with a memory order. PTX ISA 9.0, 9.7.13 "Parallel Synchronization and
/// Communication Instructions": atom.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Adds 1 and returns what was there. What this thread, and by a barrier before it its CTA, wrote
/// is visible to every CTA of the device that sees the new value by the same operation.
__device__ __forceinline__ std::uint32_t fetch_increment_acq_rel_gpu(std::uint32_t* counter) {
  std::uint32_t before;
  asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], 1;\n"
               : "=r"(before)
               : "l"(counter)
               : "memory");
  return before;
}

}  // namespace rackproof::kernels::ptx

#pragma once
/// Tensor memory of an SM: 128 lanes x 512 columns of 32 bits, allocated by columns, written by the
/// matrix unit and read by warps. An address is lane << 16 | column.
/// PTX ISA 9.0, 9.7.16 "TensorCore 5th Generation Family Instructions": tcgen05.alloc, dealloc,
/// relinquish_alloc_permit, ld, wait, fence. `Ctas` is the size of the cta_group: 1, or 2 for a
/// pair of CTAs whose units work together; all of a kernel's instructions have the same.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// A whole warp (of each CTA of the group); the address is written to shared memory.
template <int Ctas>
__device__ __forceinline__ void tmem_allocate(std::uint32_t shared_destination,
                                              std::uint32_t columns) {
  if constexpr (Ctas == 1) {
    asm volatile("tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%0], %1;\n" ::"r"(
                     shared_destination),
                 "r"(columns)
                 : "memory");
  } else {
    asm volatile("tcgen05.alloc.cta_group::2.sync.aligned.shared::cta.b32 [%0], %1;\n" ::"r"(
                     shared_destination),
                 "r"(columns)
                 : "memory");
  }
}

/// This CTA will not allocate any more: others need not wait for it.
template <int Ctas>
__device__ __forceinline__ void tmem_relinquish() {
  if constexpr (Ctas == 1) {
    asm volatile("tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;\n" ::: "memory");
  } else {
    asm volatile("tcgen05.relinquish_alloc_permit.cta_group::2.sync.aligned;\n" ::: "memory");
  }
}

template <int Ctas>
__device__ __forceinline__ void tmem_free(std::uint32_t address, std::uint32_t columns) {
  if constexpr (Ctas == 1) {
    asm volatile("tcgen05.dealloc.cta_group::1.sync.aligned.b32 %0, %1;\n" ::"r"(address),
                 "r"(columns)
                 : "memory");
  } else {
    asm volatile("tcgen05.dealloc.cta_group::2.sync.aligned.b32 %0, %1;\n" ::"r"(address),
                 "r"(columns)
                 : "memory");
  }
}

/// Between this thread's tcgen05 instructions and a barrier that others wait on.
__device__ __forceinline__ void tcgen05_before_sync() {
  asm volatile("tcgen05.fence::before_thread_sync;\n" ::: "memory");
}

/// Between a barrier that was waited on and this thread's tcgen05 instructions.
__device__ __forceinline__ void tcgen05_after_sync() {
  asm volatile("tcgen05.fence::after_thread_sync;\n" ::: "memory");
}

// An instruction names every register: the list is spelled once, here.
#define RACKPROOF_OUT_8(i)                                                        \
  "=f"(values[i]), "=f"(values[i + 1]), "=f"(values[i + 2]), "=f"(values[i + 3]), \
      "=f"(values[i + 4]), "=f"(values[i + 5]), "=f"(values[i + 6]), "=f"(values[i + 7])

/// 32 columns of the 32 lanes that this warp reaches (32 * (warp % 4) onwards), a lane a thread.
/// The values are there after tmem_wait_load().
__device__ __forceinline__ void tmem_load_32(float* values, std::uint32_t address) {
  asm volatile(
      "tcgen05.ld.sync.aligned.32x32b.x32.b32 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, [%32];\n"
      : RACKPROOF_OUT_8(0), RACKPROOF_OUT_8(8), RACKPROOF_OUT_8(16), RACKPROOF_OUT_8(24)
      : "r"(address)
      : "memory");
}

/// 16 columns of the 16 lanes from that of `address` on, as fragments of 8x8 tiles: thread t holds
/// lane t/4 (values 0, 1, 4, 5) and lane t/4 + 8 (2, 3, 6, 7) of columns 2*(t%4), 2*(t%4) + 1 and,
/// from value 4 on, the same 8 columns later.
__device__ __forceinline__ void tmem_load_16x16(float* values, std::uint32_t address) {
  asm volatile("tcgen05.ld.sync.aligned.16x256b.x2.b32 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8];\n"
               : RACKPROOF_OUT_8(0)
               : "r"(address)
               : "memory");
}

#undef RACKPROOF_OUT_8

/// Waits for all of this thread's loads from tensor memory.
__device__ __forceinline__ void tmem_wait_load() {
  asm volatile("tcgen05.wait::ld.sync.aligned;\n" ::: "memory");
}

/// Keeps the compiler from moving uses of loaded values before the wait.
template <int Count>
__device__ __forceinline__ void tmem_hold(float (&values)[Count]) {
#pragma unroll
  for (int i = 0; i < Count; ++i) {
    asm volatile("" : "+f"(values[i])::"memory");
  }
}

}  // namespace rackproof::kernels::ptx

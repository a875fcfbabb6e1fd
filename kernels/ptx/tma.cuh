#pragma once
/// Copies of tensor tiles between global and shared memory by the TMA unit, issued by one thread.
/// PTX ISA 9.0, 9.7.9.27 "Data Movement and Conversion Instructions": cp.async.bulk.tensor,
/// cp.async.bulk.commit_group, cp.async.bulk.wait_group, prefetch.tensormap; 9.7.13.4: fence.proxy.
/// `map` is a CUtensorMap in parameter or global memory; coordinates are elements, innermost first,
/// and what lies outside the tensor is read as 0 and not written.

#include <cstdint>

namespace rackproof::kernels::ptx {

__device__ __forceinline__ void prefetch_tensor_map(const void* map) {
  asm volatile("prefetch.tensormap [%0];\n" ::"l"(map) : "memory");
}

/// Loads a box; its bytes, those outside the tensor too, count at `barrier`.
__device__ __forceinline__ void tma_load_2d(std::uint32_t destination, const void* map, int x,
                                            int y, std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3}], [%4];\n" ::"r"(destination),
      "l"(map), "r"(x), "r"(y), "r"(barrier)
      : "memory");
}

/// The same to the same place of every CTA of the cluster whose bit is set in `ctas`, counted at
/// the barrier there.
__device__ __forceinline__ void tma_load_2d_multicast(std::uint32_t destination, const void* map,
                                                      int x, int y, std::uint32_t barrier,
                                                      std::uint16_t ctas) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%2, %3}], [%4], %5;\n" ::"r"(destination),
      "l"(map), "r"(x), "r"(y), "r"(barrier), "h"(ctas)
      : "memory");
}

/// Stores a box; tma_store_commit() closes this thread's group of stores.
__device__ __forceinline__ void tma_store_2d(const void* map, int x, int y, std::uint32_t source) {
  asm volatile(
      "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%1, %2}], [%3];\n" ::"l"(
          map),
      "r"(x), "r"(y), "r"(source)
      : "memory");
}

__device__ __forceinline__ void tma_store_commit() {
  asm volatile("cp.async.bulk.commit_group;\n" ::: "memory");
}

/// Waits until at most `Pending` of this thread's groups still read shared memory.
template <int Pending>
__device__ __forceinline__ void tma_store_wait_read() {
  static_assert(Pending >= 0, "a count of groups cannot be negative");
  asm volatile("cp.async.bulk.wait_group.read %0;\n" ::"n"(Pending) : "memory");
}

/// Orders this thread's ordinary accesses to shared memory before asynchronous ones that follow.
__device__ __forceinline__ void fence_async_shared() {
  asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
}

}  // namespace rackproof::kernels::ptx

#pragma once
/// Asynchronous copies from global to shared memory that bypass registers.
/// PTX ISA 9.0, 9.7.9.25 "Asynchronous Copy", non-bulk: cp.async, cp.async.commit_group,
/// cp.async.wait_group.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Copies the first `valid_bytes` (0..16) past L1 (.cg) and zero-fills the rest. The source is not
/// read beyond them, but its address must be 16-byte aligned. (cp.async with src-size)
__device__ __forceinline__ void cp_async_16_zfill(std::uint32_t shared_destination,
                                                  const void* source, std::uint32_t valid_bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_destination),
               "l"(source), "r"(valid_bytes)
               : "memory");
}

/// Closes the group of all copies this thread issued since the last commit.
__device__ __forceinline__ void cp_async_commit() {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}

/// Waits until at most `Pending` of this thread's groups are unfinished. Other threads see the
/// data after a barrier only.
template <int Pending>
__device__ __forceinline__ void cp_async_wait() {
  static_assert(Pending >= 0, "a count of groups cannot be negative");
  asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending) : "memory");
}

}  // namespace rackproof::kernels::ptx

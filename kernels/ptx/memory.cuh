#pragma once
/// Global and shared accesses with cache hints, most of 16 bytes.
/// PTX ISA 9.0, 9.7.9 "Data Movement and Conversion Instructions": ld, ld.global.nc, st, and their
/// cache operators and eviction priorities.
/// Every address is 16-byte aligned where nothing else is said.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Data that is read once: it is not kept in L1.
__device__ __forceinline__ uint4 ld_global_stream_16(const void* address) {
  uint4 value;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(address));
  return value;
}

/// Data that another CTA wrote: from L2, the level at which CTAs meet (.cg).
__device__ __forceinline__ uint4 ld_global_l2_16(const void* address) {
  uint4 value;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(address)
               : "memory");
  return value;
}

/// 8 bytes at an 8-byte aligned address, through the L2 alone.
__device__ __forceinline__ std::uint64_t ld_global_cg_8(std::uint64_t address) {
  std::uint64_t value;
  asm volatile("ld.global.cg.u64 %0, [%1];\n" : "=l"(value) : "l"(address));
  return value;
}

/// 8 bytes at an 8-byte aligned address, cached in L1 and L2 (.ca).
__device__ __forceinline__ std::uint64_t ld_global_ca_8(std::uint64_t address) {
  std::uint64_t value;
  asm volatile("ld.global.ca.u64 %0, [%1];\n" : "=l"(value) : "l"(address));
  return value;
}

/// Keeps the default caching, for results that the next kernel reads.
__device__ __forceinline__ void st_global_16(void* address, uint4 value) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};\n" ::"l"(address), "r"(value.x),
               "r"(value.y), "r"(value.z), "r"(value.w)
               : "memory");
}

/// Results that nobody reads soon: evicted first (.cs).
__device__ __forceinline__ void st_global_stream_16(void* address, uint4 value) {
  asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};\n" ::"l"(address), "r"(value.x),
               "r"(value.y), "r"(value.z), "r"(value.w)
               : "memory");
}

__device__ __forceinline__ uint4 ld_shared_16(std::uint32_t shared_address) {
  uint4 value;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "r"(shared_address)
               : "memory");
  return value;
}

__device__ __forceinline__ std::uint32_t ld_shared_4(std::uint32_t shared_address) {
  std::uint32_t value;
  asm volatile("ld.shared.u32 %0, [%1];\n" : "=r"(value) : "r"(shared_address) : "memory");
  return value;
}

__device__ __forceinline__ void st_shared_16(std::uint32_t shared_address, uint4 value) {
  asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};\n" ::"r"(shared_address), "r"(value.x),
               "r"(value.y), "r"(value.z), "r"(value.w)
               : "memory");
}

__device__ __forceinline__ void st_shared_4(std::uint32_t shared_address, std::uint32_t value) {
  asm volatile("st.shared.u32 [%0], %1;\n" ::"r"(shared_address), "r"(value) : "memory");
}

}  // namespace rackproof::kernels::ptx

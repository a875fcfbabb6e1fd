#pragma once
/// Conversions that CUDA C++ has no plain operator for.
/// PTX ISA 9.0, 9.7.9.21 "Data Movement and Conversion Instructions": cvt. fp8: sm_89 and newer.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Two e4m3 values (bits 0..7 and 8..15) as two fp16 values in the same order; exact.
__device__ __forceinline__ std::uint32_t f16x2_from_e4m3x2(std::uint16_t pair) {
  std::uint32_t halves;
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;\n" : "=r"(halves) : "h"(pair));
  return halves;
}

/// The same for e5m2.
__device__ __forceinline__ std::uint32_t f16x2_from_e5m2x2(std::uint16_t pair) {
  std::uint32_t halves;
  asm("cvt.rn.f16x2.e5m2x2 %0, %1;\n" : "=r"(halves) : "h"(pair));
  return halves;
}

}  // namespace rackproof::kernels::ptx

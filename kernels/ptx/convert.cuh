#pragma once
/// Conversions that CUDA C++ has no plain operator for.
/// PTX ISA 9.0, 9.7.9.21 "Data Movement and Conversion Instructions": cvt. fp8: sm_89 and newer.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Four e4m3 values as two registers of two fp16 values each, in order; exact.
__device__ __forceinline__ void f16x4_from_e4m3x4(std::uint32_t codes, std::uint32_t& low,
                                                  std::uint32_t& high) {
  asm("{\n"
      ".reg .b16 first, second;\n"
      "mov.b32 {first, second}, %2;\n"
      "cvt.rn.f16x2.e4m3x2 %0, first;\n"
      "cvt.rn.f16x2.e4m3x2 %1, second;\n"
      "}\n"
      : "=r"(low), "=r"(high)
      : "r"(codes));
}

/// The same for e5m2.
__device__ __forceinline__ void f16x4_from_e5m2x4(std::uint32_t codes, std::uint32_t& low,
                                                  std::uint32_t& high) {
  asm("{\n"
      ".reg .b16 first, second;\n"
      "mov.b32 {first, second}, %2;\n"
      "cvt.rn.f16x2.e5m2x2 %0, first;\n"
      "cvt.rn.f16x2.e5m2x2 %1, second;\n"
      "}\n"
      : "=r"(low), "=r"(high)
      : "r"(codes));
}

}  // namespace rackproof::kernels::ptx

#pragma once
/// Conversions to the narrow formats of block-scaled types and 32-byte accesses.
/// PTX ISA 9.0, 9.7.9.21 "Data Movement and Conversion Instructions": cvt; 9.7.9.8 ld, 9.7.9.12 st
/// with 256 bits; sm_100 and newer.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Two values rounded to nearest even and saturated to e4m3, `low` in bits 0 to 7.
__device__ __forceinline__ std::uint32_t e4m3x2_from_floats(float low, float high) {
  std::uint16_t codes;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;\n" : "=h"(codes) : "f"(high), "f"(low));
  return codes;
}

/// The same to e2m1, `low` in bits 0 to 3.
__device__ __forceinline__ std::uint32_t e2m1x2_from_floats(float low, float high) {
  std::uint32_t codes;
  asm("{\n"
      ".reg .b8 pair;\n"
      "cvt.rn.satfinite.e2m1x2.f32 pair, %1, %2;\n"
      "cvt.u32.u8 %0, pair;\n"
      "}\n"
      : "=r"(codes)
      : "f"(high), "f"(low));
  return codes;
}

/// 32 bytes that are read once, at a 32-byte aligned address.
__device__ __forceinline__ void ld_global_stream_32(std::uint32_t (&words)[8],
                                                    const void* address) {
  asm volatile("ld.global.nc.L1::no_allocate.v8.b32 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8];\n"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3]), "=r"(words[4]),
                 "=r"(words[5]), "=r"(words[6]), "=r"(words[7])
               : "l"(address));
}

}  // namespace rackproof::kernels::ptx

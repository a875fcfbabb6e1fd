#pragma once
/// Conversions between fp32 and the narrower formats in device code.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

namespace rackproof::kernels {

/// Memory images of formats without a CUDA type that every architecture has.
struct Tf32 {
  std::uint32_t bits;
};
struct Fp8E4m3 {
  std::uint8_t bits;
};
struct Fp8E5m2 {
  std::uint8_t bits;
};

__device__ __forceinline__ float to_float(float x) {
  return x;
}
__device__ __forceinline__ float to_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}
__device__ __forceinline__ float to_float(__half x) {
  return __half2float(x);
}

/// Rounds to nearest even.
template <typename T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ __forceinline__ __half from_float<__half>(float x) {
  return __float2half_rn(x);
}

/// Rounds toward zero: keeps a half-open interval half open.
template <typename T>
__device__ __forceinline__ T from_float_rz(float x);
template <>
__device__ __forceinline__ float from_float_rz<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float_rz<__nv_bfloat16>(float x) {
  return __float2bfloat16_rz(x);
}
template <>
__device__ __forceinline__ __half from_float_rz<__half>(float x) {
  return __float2half_rz(x);
}

template <>
__device__ __forceinline__ Tf32 from_float_rz<Tf32>(float x) {
  return {.bits = __float_as_uint(x) & ~0x1FFFU};
}
/// For |x| below 256: 3 fraction bits, exponents from -6, steps of 2^-9 below.
template <>
__device__ __forceinline__ Fp8E4m3 from_float_rz<Fp8E4m3>(float x) {
  constexpr std::uint32_t kBiasDifference = 127 - 7;
  const float magnitude = fabsf(x);
  const std::uint32_t sign = __float_as_uint(x) >> 31 << 7;
  const std::uint32_t code = magnitude < 0x1p-6F
                                 ? static_cast<std::uint32_t>(magnitude * 0x1p9F)
                                 : (__float_as_uint(magnitude) - (kBiasDifference << 23)) >> 20;
  return {.bits = static_cast<std::uint8_t>(sign | code)};
}
template <>
__device__ __forceinline__ Fp8E5m2 from_float_rz<Fp8E5m2>(float x) {
  return {.bits = static_cast<std::uint8_t>(__half_as_ushort(__float2half_rz(x)) >> 8)};
}

/// Two values rounded to nearest even in one register, `low` in bits 0..15 (one cvt instruction).
template <typename T>
__device__ __forceinline__ std::uint32_t pack2(float low, float high);
template <>
__device__ __forceinline__ std::uint32_t pack2<__nv_bfloat16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  std::uint32_t bits;
  memcpy(&bits, &pair, sizeof(bits));
  return bits;
}
template <>
__device__ __forceinline__ std::uint32_t pack2<__half>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  std::uint32_t bits;
  memcpy(&bits, &pair, sizeof(bits));
  return bits;
}

}  // namespace rackproof::kernels

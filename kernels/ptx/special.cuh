#pragma once
/// Special-function unit. PTX ISA 9.0, 9.7.3 "Floating-Point Instructions": lg2, ex2.

namespace rackproof::kernels::ptx {

/// 2^x, at most 2 ulp from the true value; subnormal inputs and results become 0; 2^-inf = 0.
__device__ __forceinline__ float ex2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

/// log2(x), absolute error at most 2^-22 on (0.5, 2), relative 2^-22 elsewhere; log2(0) = -inf.
__device__ __forceinline__ float lg2(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

}  // namespace rackproof::kernels::ptx

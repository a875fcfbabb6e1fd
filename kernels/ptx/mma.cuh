#pragma once
/// Warp-level matrix multiply-accumulate D(16x8) += A(16x16) * B(16x8), fp32 accumulators.
/// PTX ISA 9.0, 9.7.14.5 "Matrix multiply-accumulate operation using mma instruction": mma, and the
/// fragments of m16n8k16 with floating point type.
/// With g = lane / 4 and t = lane % 4:
///   a[0] = A(g, 2t..2t+1)  a[1] = A(g+8, 2t..)  a[2] = A(g, 2t+8..)  a[3] = A(g+8, 2t+8..)
///   b0   = B(2t..2t+1, g)  b1   = B(2t+8.., g)
///   d[0], d[1] = D(g, 2t..2t+1)  d[2], d[3] = D(g+8, 2t..2t+1)

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Operands of type T (__nv_bfloat16 or __half), two packed in each 32-bit register.
template <typename T>
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4],
                                             std::uint32_t b0, std::uint32_t b1);

template <>
__device__ __forceinline__ void mma_m16n8k16<__nv_bfloat16>(float (&d)[4],
                                                            const std::uint32_t (&a)[4],
                                                            std::uint32_t b0, std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <>
__device__ __forceinline__ void mma_m16n8k16<__half>(float (&d)[4], const std::uint32_t (&a)[4],
                                                     std::uint32_t b0, std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace rackproof::kernels::ptx

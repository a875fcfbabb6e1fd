#pragma once
/// The matrix unit of sm_100: one thread multiplies tiles that lie in shared memory into tensor
/// memory, asynchronously and in order.
/// PTX ISA 9.0, 9.7.16 "TensorCore 5th Generation Family Instructions": tcgen05.mma, cp, commit;
/// 9.7.16.4.1 shared memory descriptor, 9.7.16.4.2 instruction descriptor.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Formats of the operands, as the instruction spells them.
enum class MatrixKind : std::uint8_t {
  f16,       ///< bf16 or fp16, 16 of K an instruction
  tf32,      ///< 8 of K
  f8f6f4,    ///< 32 of K
  mxf8f6f4,  ///< the same, times a scale (ue8m0) for each 32 of K of a row
  mxf4nvf4,  ///< e2m1, 64 (sm_103a: or 96) of K, times a scale (ue4m3) for each 16 of K of a row
  mxf4,      ///< the same, times a scale (ue8m0) for each 32 of K of a row
};

/// Format codes of the instruction descriptor (tables 45 and 46 of 9.7.16.4.2).
enum class MatrixFormat : std::uint32_t {
  fp16 = 0,
  bf16 = 1,
  tf32 = 2,
  e4m3 = 0,
  e5m2 = 1,
  e2m1 = 1,
};

/// Without block scaling: D in fp32, A and B K-major and not negated.
[[nodiscard]] constexpr std::uint32_t dense_instruction(MatrixFormat format, int m, int n) {
  constexpr std::uint32_t kResultFp32 = 1U << 4;
  const auto code = static_cast<std::uint32_t>(format);
  return kResultFp32 | code << 7 | code << 10 | static_cast<std::uint32_t>(n / 8) << 17 |
         static_cast<std::uint32_t>(m / 16) << 24;
}

/// With block scaling; which byte of a scale word holds a k-step's scales is added by
/// with_scale_bytes().
[[nodiscard]] constexpr std::uint32_t scaled_instruction(MatrixFormat format, bool scales_are_ue8m0,
                                                         int m, int n) {
  const auto code = static_cast<std::uint32_t>(format);
  return code << 7 | code << 10 | static_cast<std::uint32_t>(n / 8) << 17 |
         (scales_are_ue8m0 ? 1U : 0U) << 23 | static_cast<std::uint32_t>(m / 16) << 24;
}

[[nodiscard]] __device__ __forceinline__ std::uint32_t with_scale_bytes(std::uint32_t instruction,
                                                                        std::uint32_t byte) {
  return instruction | byte << 4 | byte << 29;
}

/// Of an instruction with block scaling: 96 of K, 48 bytes of e2m1. sm_103a.
inline constexpr std::uint32_t kInstructionK96 = 1U << 31;

inline constexpr std::uint64_t kDescriptorVersion = std::uint64_t{1} << 46;
/// Operands are K-major in rows of 128 bytes with the 128-byte swizzle, groups of 8 rows one after
/// the other.
inline constexpr std::uint64_t kOperandLayout =
    std::uint64_t{1024 >> 4} << 32 | kDescriptorVersion | std::uint64_t{2} << 61;

/// Descriptor of an operand; the address is a multiple of 1024 plus a K-step.
[[nodiscard]] __device__ __forceinline__ std::uint64_t matrix_descriptor(
    std::uint32_t shared_address) {
  constexpr std::uint64_t kLeadingOffset = 1;  // not used by swizzled K-major operands
  return static_cast<std::uint64_t>((shared_address & 0x3FFFFU) >> 4) | kLeadingOffset << 16 |
         kOperandLayout;
}

/// What a k-step of 32 bytes adds to a matrix descriptor.
inline constexpr std::uint64_t kMatrixStep = 32 >> 4;

/// Descriptor of a step of 48 bytes of an operand, from `byte` of the rows at `window` on;
/// what is beyond byte 128 lies at the beginning of the rows at `next`. Both are multiples of 1024.
[[nodiscard]] __device__ __forceinline__ std::uint64_t matrix_descriptor_k96(std::uint32_t window,
                                                                             std::uint32_t byte,
                                                                             std::uint32_t next) {
  constexpr std::uint64_t kAbsoluteLeading = std::uint64_t{1} << 52;
  return static_cast<std::uint64_t>(((window + byte) & 0x3FFFFU) >> 4) |
         static_cast<std::uint64_t>((next & 0x3FFFFU) >> 4) << 16 | kAbsoluteLeading |
         kOperandLayout;
}

/// Descriptor of 512 contiguous bytes of scales, 32 rows of 16 bytes: no swizzle, core matrices of
/// 8 rows x 16 bytes one after the other.
[[nodiscard]] __device__ __forceinline__ std::uint64_t scale_descriptor(
    std::uint32_t shared_address) {
  constexpr std::uint64_t kLeadingOffset = 16 >> 4;
  constexpr std::uint64_t kGroupStride = 128 >> 4;
  return static_cast<std::uint64_t>((shared_address & 0x3FFFFU) >> 4) | kLeadingOffset << 16 |
         kGroupStride << 32 | kDescriptorVersion;
}

/// D (tensor memory) = A * B + (accumulate ? D : 0); one thread, of the pair's first CTA.
template <MatrixKind Kind, int Ctas>
struct Tcgen05Mma;

#define RACKPROOF_MMA(kind, ctas)                                                                \
  template <>                                                                                    \
  struct Tcgen05Mma<MatrixKind::kind, ctas> {                                                    \
    static __device__ __forceinline__ void multiply(std::uint32_t d, std::uint64_t a,            \
                                                    std::uint64_t b, std::uint32_t instruction,  \
                                                    bool accumulate) {                           \
      asm volatile(                                                                              \
          "{\n.reg .pred p;\nsetp.ne.b32 p, %4, 0;\n"                                            \
          "tcgen05.mma.cta_group::" #ctas ".kind::" #kind " [%0], %1, %2, %3, p;\n}\n" ::"r"(d), \
          "l"(a), "l"(b), "r"(instruction), "r"(static_cast<int>(accumulate))                    \
          : "memory");                                                                           \
    }                                                                                            \
  }
RACKPROOF_MMA(f16, 1);
RACKPROOF_MMA(f16, 2);
RACKPROOF_MMA(tf32, 1);
RACKPROOF_MMA(tf32, 2);
RACKPROOF_MMA(f8f6f4, 1);
RACKPROOF_MMA(f8f6f4, 2);
#undef RACKPROOF_MMA

/// The scales lie in tensor memory, where tmem_copy_scales() puts them.
#define RACKPROOF_SCALED_MMA(kind, block, ctas)                                                 \
  template <>                                                                                   \
  struct Tcgen05Mma<MatrixKind::kind, ctas> {                                                   \
    static __device__ __forceinline__ void multiply(std::uint32_t d, std::uint64_t a,           \
                                                    std::uint64_t b, std::uint32_t instruction, \
                                                    std::uint32_t a_scales,                     \
                                                    std::uint32_t b_scales, bool accumulate) {  \
      asm volatile(                                                                             \
          "{\n.reg .pred p;\nsetp.ne.b32 p, %6, 0;\n"                                           \
          "tcgen05.mma.cta_group::" #ctas ".kind::" #kind ".block_scale." #block                \
          " [%0], %1, %2, %3, [%4], [%5], p;\n}\n" ::"r"(d),                                    \
          "l"(a), "l"(b), "r"(instruction), "r"(a_scales), "r"(b_scales),                       \
          "r"(static_cast<int>(accumulate))                                                     \
          : "memory");                                                                          \
    }                                                                                           \
  }
RACKPROOF_SCALED_MMA(mxf8f6f4, block32, 1);
RACKPROOF_SCALED_MMA(mxf8f6f4, block32, 2);
RACKPROOF_SCALED_MMA(mxf4, block32, 1);
RACKPROOF_SCALED_MMA(mxf4, block32, 2);
RACKPROOF_SCALED_MMA(mxf4nvf4, block16, 1);
RACKPROOF_SCALED_MMA(mxf4nvf4, block16, 2);
#undef RACKPROOF_SCALED_MMA

/// Copies 512 bytes of scales into 4 columns, to all four groups of 32 lanes; before the
/// multiplications that this thread issues later. Of a pair, in both CTAs at the same addresses.
template <int Ctas>
__device__ __forceinline__ void tmem_copy_scales(std::uint32_t destination, std::uint64_t source) {
  if constexpr (Ctas == 1) {
    asm volatile("tcgen05.cp.cta_group::1.32x128b.warpx4 [%0], %1;\n" ::"r"(destination),
                 "l"(source)
                 : "memory");
  } else {
    asm volatile("tcgen05.cp.cta_group::2.32x128b.warpx4 [%0], %1;\n" ::"r"(destination),
                 "l"(source)
                 : "memory");
  }
}

/// Arrives at `barrier` (of pairs: at that address of every CTA of the cluster whose bit is set in
/// `ctas`) when everything that this thread issued to the matrix unit is done.
template <int Ctas>
__device__ __forceinline__ void tcgen05_commit(std::uint32_t barrier, std::uint16_t ctas) {
  if constexpr (Ctas == 1) {
    asm volatile(
        "tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%0];\n" ::"r"(
            barrier)
        : "memory");
  } else {
    asm volatile(
        "tcgen05.commit.cta_group::2.mbarrier::arrive::one.shared::cluster.multicast::cluster.b64 "
        "[%0], %1;\n" ::"r"(barrier),
        "h"(ctas)
        : "memory");
  }
}

}  // namespace rackproof::kernels::ptx

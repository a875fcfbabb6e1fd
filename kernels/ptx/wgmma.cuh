#pragma once
/// Matrix multiply-accumulate of a warpgroup, asynchronous, operands in shared memory.
/// PTX ISA 9.0, 9.7.15 "Asynchronous Warpgroup Level Matrix Instructions": wgmma; sm_90a only.
/// D is 64 x N in fp32: with w = warp of the warpgroup, g = lane / 4 and t = lane % 4,
///   d[j][0], d[j][1] = D(16w + g, 8j + 2t ..)  d[j][2], d[j][3] = D(16w + g + 8, 8j + 2t ..)
/// A is 64 rows, B N rows, 32 bytes of K each, both K-major.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// The accumulators may be read or written by ordinary instructions before this.
__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
}

/// Closes the group of all multiplications since the last commit.
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory");
}

/// Waits until at most `Pending` groups are unfinished.
template <int Pending>
__device__ __forceinline__ void wgmma_wait() {
  static_assert(Pending >= 0 && Pending <= 7, "wgmma.wait_group takes 0 to 7");
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(Pending) : "memory");
}

/// Keeps the compiler from moving uses of the accumulators across a wait.
template <int Tiles>
__device__ __forceinline__ void wgmma_hold(float (&d)[Tiles][4]) {
#pragma unroll
  for (int j = 0; j < Tiles; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      asm volatile("" : "+f"(d[j][e])::"memory");
    }
  }
}

/// Descriptor of a K-major operand whose rows are 128 bytes with the 128-byte swizzle and whose
/// groups of 8 rows follow one another; the address is a multiple of 1024 plus a K-step.
/// (9.7.15.5.1.2.2 "Matrix Descriptor Format": address, leading offset (not used here), stride of
/// the groups, swizzle mode 1.)
__device__ __forceinline__ std::uint64_t wgmma_descriptor(std::uint32_t shared_address) {
  constexpr std::uint64_t kLeadingOffset = 1;
  constexpr std::uint64_t kGroupStride = 1024 >> 4;
  constexpr std::uint64_t kSwizzle128 = 1;
  return static_cast<std::uint64_t>((shared_address & 0x3FFFFU) >> 4) | kLeadingOffset << 16 |
         kGroupStride << 32 | kSwizzle128 << 62;
}

/// What a k-step of 32 bytes adds to a descriptor.
inline constexpr std::uint64_t kWgmmaStep = 32 >> 4;

/// D = A * B + (accumulate ? D : 0) for operands of `Format`.
template <typename Format>
struct Wgmma;

struct FormatBf16;
struct FormatFp16;
struct FormatE4m3;
struct FormatE5m2;

// An instruction names every register of the tile: the lists are spelled once a width, here.
#define RACKPROOF_TILE(j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])
#define RACKPROOF_4_TILES(j) \
  RACKPROOF_TILE(j), RACKPROOF_TILE(j + 1), RACKPROOF_TILE(j + 2), RACKPROOF_TILE(j + 3)
#define RACKPROOF_16_TILES(j)                                               \
  RACKPROOF_4_TILES(j), RACKPROOF_4_TILES(j + 4), RACKPROOF_4_TILES(j + 8), \
      RACKPROOF_4_TILES(j + 12)
#define RACKPROOF_REGISTERS_0_TO_63                                                  \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "           \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define RACKPROOF_REGISTERS_64_TO_127                                                            \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "             \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "             \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define RACKPROOF_WGMMA(Format, instruction, types, major)                              \
  template <>                                                                           \
  struct Wgmma<Format> {                                                                \
    static __device__ __forceinline__ void multiply(float (&d)[16][4], std::uint64_t a, \
                                                    std::uint64_t b, bool accumulate) { \
      asm volatile(                                                                     \
          "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"                                  \
          "wgmma.mma_async.sync.aligned.m64n128" instruction ".f32." types              \
          " {" RACKPROOF_REGISTERS_0_TO_63 "}, %64, %65, p, 1, 1" major ";\n}\n"        \
          : RACKPROOF_16_TILES(0)                                                       \
          : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)));                         \
    }                                                                                   \
    static __device__ __forceinline__ void multiply(float (&d)[32][4], std::uint64_t a, \
                                                    std::uint64_t b, bool accumulate) { \
      asm volatile(                                                                     \
          "{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"                                 \
          "wgmma.mma_async.sync.aligned.m64n256" instruction ".f32." types              \
          " {" RACKPROOF_REGISTERS_0_TO_63 ", " RACKPROOF_REGISTERS_64_TO_127           \
          "}, %128, %129, p, 1, 1" major ";\n}\n"                                       \
          : RACKPROOF_16_TILES(0), RACKPROOF_16_TILES(16)                               \
          : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)));                         \
    }                                                                                   \
  }

// 16-bit types say which operand is transposed: none.
RACKPROOF_WGMMA(FormatBf16, "k16", "bf16.bf16", ", 0, 0");
RACKPROOF_WGMMA(FormatFp16, "k16", "f16.f16", ", 0, 0");
RACKPROOF_WGMMA(FormatE4m3, "k32", "e4m3.e4m3", "");
RACKPROOF_WGMMA(FormatE5m2, "k32", "e5m2.e5m2", "");

#undef RACKPROOF_WGMMA
#undef RACKPROOF_REGISTERS_64_TO_127
#undef RACKPROOF_REGISTERS_0_TO_63
#undef RACKPROOF_16_TILES
#undef RACKPROOF_4_TILES
#undef RACKPROOF_TILE

}  // namespace rackproof::kernels::ptx

/// fp8 (e4m3 and e5m2) on the tensor cores of sm_89 and newer, with results in bf16.
///
/// Native: mma.sync m16n8k32 of fp8, twice the rate of fp16, where the device has such a unit (8.9
/// and 12.x). On sm_89 it keeps 13 fraction bits of a sum, too few for a long K: every MMA starts
/// from zero, and its sums are added in fp32 on the FMA units.
///
/// Widened: to fp16 in registers, which is exact, then m16n8k16. sm_90 and sm_100 have their fp8
/// units in wgmma and tcgen05, and ptxas would expand mma.sync of fp8 into these conversions and
/// fp16 MMAs, plus an addition for each. Memory traffic is that of 8 bits either way.

#include "kernels/gemm/gemm_tensor.cuh"
#include "kernels/ptx/convert.cuh"
#include "kernels/ptx/mma.cuh"

#include <array>

namespace rackproof::kernels::gemm {
namespace {

template <void (*Multiply)(float (&)[4], const std::uint32_t (&)[4], std::uint32_t, std::uint32_t)>
struct NativeMma : DirectOperands {
  using Sum = float;
  using Result = __nv_bfloat16;
  static __device__ __forceinline__ void multiply(Sum (&d)[4], const std::uint32_t (&a)[4],
                                                  std::uint32_t b0, std::uint32_t b1) {
    float products[4];
    Multiply(products, a, b0, b1);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      d[i] += products[i];
    }
  }
};
using NativeE4m3 = NativeMma<ptx::multiply_m16n8k32_e4m3>;
using NativeE5m2 = NativeMma<ptx::multiply_m16n8k32_e5m2>;
/// One MMA, which the unit adds in halves.
constexpr ShortSums kNativeSums{.step = 16, .interval = 32};
/// The sums of one MMA before they are added.
constexpr int kPartialRegisters = 4;
/// Warps of 16 rows: ptxas keeps the sums of a whole k-step in flight, and those of 32 rows spill.
struct NativeTile {
  static constexpr CtaTile kTile{.tile_m = 64,
                                 .tile_n = 128,
                                 .tile_k = kBankLineBytes,
                                 .warp_m = 16,
                                 .warp_n = 64,
                                 .element_bytes = 1,
                                 .stages = 3,
                                 .min_blocks_per_sm = 1};
  static constexpr bool kSplitK = true;
  static constexpr int kMostRows = 0;
  static_assert(ValidTensorTile<kTile, kPartialRegisters>::kValue);
};
using NativeDecodeTile = DecodeTile<1, kPartialRegisters>;

/// A loaded register holds k 4t..4t+3 of a row in a half of 16 bytes. Its two pairs become the two
/// k-halves of one fp16 MMA; A and B are permuted alike, so the sum is over the same products.
template <void (*Widen)(std::uint32_t, std::uint32_t&, std::uint32_t&)>
struct WidenedMma {
  static constexpr int kParts = 2;  ///< 32 fp8 are two k16
  using Sum = float;
  using Result = __nv_bfloat16;

  static __device__ __forceinline__ void a_of(int part, const std::uint32_t (&loaded)[4],
                                              std::uint32_t (&operand)[4]) {
    Widen(loaded[2 * part], operand[0], operand[2]);      // rows 0-7
    Widen(loaded[2 * part + 1], operand[1], operand[3]);  // rows 8-15
  }
  static __device__ __forceinline__ void b_of(int part, std::uint32_t loaded0,
                                              std::uint32_t loaded1, std::uint32_t& operand0,
                                              std::uint32_t& operand1) {
    Widen(part == 0 ? loaded0 : loaded1, operand0, operand1);
  }
  static __device__ __forceinline__ void multiply(Sum (&d)[4], const std::uint32_t (&a)[4],
                                                  std::uint32_t b0, std::uint32_t b1) {
    ptx::mma_m16n8k16<__half>(d, a, b0, b1);
  }
};
using E4m3Mma = WidenedMma<ptx::f16x4_from_e4m3x4>;
using E5m2Mma = WidenedMma<ptx::f16x4_from_e5m2x4>;

/// A operands of one part and one B pair, as fp16.
constexpr int kWidenedRegisters = 2 * 4 + 2;
using Fp8Tile = SmallTile<1, kWidenedRegisters>;
using Fp8DecodeTile = DecodeTile<1, kWidenedRegisters>;

}  // namespace

std::span<const GemmKernel> sm89_native_kernels(ElementType type) {
  static const std::array kE4m3{describe_tensor_kernel<NativeE4m3, NativeTile>(
                                    "gemm_tensor_native_fp8_e4m3_64x128x128", kNativeSums),
                                describe_tensor_kernel<NativeE4m3, NativeDecodeTile>(
                                    "gemm_tensor_native_fp8_e4m3_16x128x128", kNativeSums)};
  static const std::array kE5m2{describe_tensor_kernel<NativeE5m2, NativeTile>(
                                    "gemm_tensor_native_fp8_e5m2_64x128x128", kNativeSums),
                                describe_tensor_kernel<NativeE5m2, NativeDecodeTile>(
                                    "gemm_tensor_native_fp8_e5m2_16x128x128", kNativeSums)};
  return type == ElementType::fp8_e4m3   ? std::span<const GemmKernel>(kE4m3)
         : type == ElementType::fp8_e5m2 ? std::span<const GemmKernel>(kE5m2)
                                         : std::span<const GemmKernel>{};
}

std::span<const GemmKernel> sm89_kernels(ElementType type) {
  static const std::array kE4m3{
      describe_tensor_kernel<E4m3Mma, Fp8Tile>("gemm_tensor_fp8_e4m3_64x128x128"),
      describe_tensor_kernel<E4m3Mma, Fp8DecodeTile>("gemm_tensor_fp8_e4m3_16x128x128")};
  static const std::array kE5m2{
      describe_tensor_kernel<E5m2Mma, Fp8Tile>("gemm_tensor_fp8_e5m2_64x128x128"),
      describe_tensor_kernel<E5m2Mma, Fp8DecodeTile>("gemm_tensor_fp8_e5m2_16x128x128")};
  return type == ElementType::fp8_e4m3   ? std::span<const GemmKernel>(kE4m3)
         : type == ElementType::fp8_e5m2 ? std::span<const GemmKernel>(kE5m2)
                                         : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm

/// bf16, fp16, tf32 and fp8 by tcgen05 of sm_100 and sm_103.

#include "kernels/gemm/sm100/sm100_describe.cuh"
#include "kernels/gemm/sm100/sm100_kernels.hpp"

#include <array>

namespace rackproof::kernels::gemm::sm100 {
namespace {

/// A pair reads half of B each: 128 bytes of shared memory feed as many products as 256 of one CTA.
template <MatrixKind Kind, int ResultBytes = 2>
struct PairTile {
  static constexpr Sm100Tile kTile{.kind = Kind,
                                   .ctas = 2,
                                   .tile_n = 256,
                                   .stages = 6,
                                   .result_bytes = ResultBytes,
                                   .shares_k = true};
};
/// A quarter of it, for problems that would leave SMs without work.
template <MatrixKind Kind, int ResultBytes = 2>
struct SingleTile {
  static constexpr Sm100Tile kTile{
      .kind = Kind, .ctas = 1, .tile_n = 128, .stages = 6, .result_bytes = ResultBytes};
};

}  // namespace

std::span<const GemmKernel> dense_kernels(ElementType type) {
  static const std::array kBf16{describe_sm100_kernel<__nv_bfloat16, PairTile<MatrixKind::f16>>(
                                    "gemm_tcgen05_bf16_256x256x64_pair"),
                                describe_sm100_kernel<__nv_bfloat16, SingleTile<MatrixKind::f16>>(
                                    "gemm_tcgen05_bf16_128x128x64")};
  static const std::array kFp16{
      describe_sm100_kernel<__half, PairTile<MatrixKind::f16>>("gemm_tcgen05_fp16_256x256x64_pair"),
      describe_sm100_kernel<__half, SingleTile<MatrixKind::f16>>("gemm_tcgen05_fp16_128x128x64")};
  static const std::array kTf32{describe_sm100_kernel<float, PairTile<MatrixKind::tf32, 4>>(
                                    "gemm_tcgen05_tf32_256x256x32_pair"),
                                describe_sm100_kernel<float, SingleTile<MatrixKind::tf32, 4>>(
                                    "gemm_tcgen05_tf32_128x128x32")};
  // The formats differ in the instruction descriptor alone.
  static const std::array kE4m3{
      describe_sm100_kernel<__nv_bfloat16, PairTile<MatrixKind::f8f6f4>>(
          "gemm_tcgen05_fp8_e4m3_256x256x128_pair"),
      describe_sm100_kernel<__nv_bfloat16, SingleTile<MatrixKind::f8f6f4>>(
          "gemm_tcgen05_fp8_e4m3_128x128x128")};
  static const std::array kE5m2{
      describe_sm100_kernel<__nv_bfloat16, PairTile<MatrixKind::f8f6f4>>(
          "gemm_tcgen05_fp8_e5m2_256x256x128_pair"),
      describe_sm100_kernel<__nv_bfloat16, SingleTile<MatrixKind::f8f6f4>>(
          "gemm_tcgen05_fp8_e5m2_128x128x128")};
  switch (type) {
    case ElementType::bf16:
      return kBf16;
    case ElementType::fp16:
      return kFp16;
    case ElementType::tf32:
      return kTf32;
    case ElementType::fp8_e4m3:
      return kE4m3;
    case ElementType::fp8_e5m2:
      return kE5m2;
    case ElementType::fp32:
    case ElementType::fp64:
    case ElementType::int8:
    case ElementType::int32:
    case ElementType::mxfp8:
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      break;
  }
  return {};
}

}  // namespace rackproof::kernels::gemm::sm100

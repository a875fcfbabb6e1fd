/// Swapped operands: all types of 16-bit results, one kernel for every number of columns.

#include "kernels/gemm/sm100/sm100_describe.cuh"
#include "kernels/gemm/sm100/sm100_kernels.hpp"

namespace rackproof::kernels::gemm::sm100 {
namespace {

template <MatrixKind Kind>
struct SwappedTile {
  static constexpr Sm100Tile kTile{
      .kind = Kind, .ctas = 1, .tile_n = 128, .stages = 6, .swapped = true, .shares_k = true};
};

}  // namespace

std::optional<GemmKernel> swapped_kernel(ElementType type) {
  switch (type) {
    case ElementType::bf16:
      return describe_sm100_kernel<__nv_bfloat16, SwappedTile<MatrixKind::f16>>(
          "gemm_tcgen05_bf16_swapped");
    case ElementType::fp16:
      return describe_sm100_kernel<__half, SwappedTile<MatrixKind::f16>>(
          "gemm_tcgen05_fp16_swapped");
    // The formats differ in the instruction descriptor alone.
    case ElementType::fp8_e4m3:
      return describe_sm100_kernel<__nv_bfloat16, SwappedTile<MatrixKind::f8f6f4>>(
          "gemm_tcgen05_fp8_e4m3_swapped");
    case ElementType::fp8_e5m2:
      return describe_sm100_kernel<__nv_bfloat16, SwappedTile<MatrixKind::f8f6f4>>(
          "gemm_tcgen05_fp8_e5m2_swapped");
    case ElementType::mxfp8:
      return describe_sm100_kernel<__nv_bfloat16, SwappedTile<MatrixKind::mxf8f6f4>>(
          "gemm_tcgen05_mxfp8_swapped");
    case ElementType::mxfp4:
      return describe_sm100_kernel<__nv_bfloat16, SwappedTile<MatrixKind::mxf4>>(
          "gemm_tcgen05_mxfp4_swapped");
    case ElementType::nvfp4:
      return describe_sm100_kernel<__nv_bfloat16, SwappedTile<MatrixKind::mxf4nvf4>>(
          "gemm_tcgen05_nvfp4_swapped");
    default:
      return std::nullopt;
  }
}

}  // namespace rackproof::kernels::gemm::sm100

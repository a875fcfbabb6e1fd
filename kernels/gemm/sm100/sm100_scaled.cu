/// mxfp8, mxfp4 and nvfp4 by tcgen05 of sm_100 and sm_103: scales travel beside the operands.

#include "kernels/gemm/sm100/sm100_describe.cuh"
#include "kernels/gemm/sm100/sm100_kernels.hpp"

#include <array>

namespace rackproof::kernels::gemm::sm100 {
namespace {

template <MatrixKind Kind>
struct PairTile {
  static constexpr Sm100Tile kTile{
      .kind = Kind, .ctas = 2, .tile_n = 256, .stages = 5, .shares_k = true};
};
template <MatrixKind Kind>
struct SingleTile {
  static constexpr Sm100Tile kTile{.kind = Kind, .ctas = 1, .tile_n = 128, .stages = 5};
};

}  // namespace

std::span<const GemmKernel> scaled_kernels(ElementType type) {
  static const std::array kMxfp8{
      describe_sm100_kernel<__nv_bfloat16, PairTile<MatrixKind::mxf8f6f4>>(
          "gemm_tcgen05_mxfp8_256x256x128_pair"),
      describe_sm100_kernel<__nv_bfloat16, SingleTile<MatrixKind::mxf8f6f4>>(
          "gemm_tcgen05_mxfp8_128x128x128")};
  static const std::array kMxfp4{describe_sm100_kernel<__nv_bfloat16, PairTile<MatrixKind::mxf4>>(
                                     "gemm_tcgen05_mxfp4_256x256x256_pair"),
                                 describe_sm100_kernel<__nv_bfloat16, SingleTile<MatrixKind::mxf4>>(
                                     "gemm_tcgen05_mxfp4_128x128x256")};
  static const std::array kNvfp4{
      describe_sm100_kernel<__nv_bfloat16, PairTile<MatrixKind::mxf4nvf4>>(
          "gemm_tcgen05_nvfp4_256x256x256_pair"),
      describe_sm100_kernel<__nv_bfloat16, SingleTile<MatrixKind::mxf4nvf4>>(
          "gemm_tcgen05_nvfp4_128x128x256")};
  return type == ElementType::mxfp8   ? std::span<const GemmKernel>(kMxfp8)
         : type == ElementType::mxfp4 ? std::span<const GemmKernel>(kMxfp4)
         : type == ElementType::nvfp4 ? std::span<const GemmKernel>(kNvfp4)
                                      : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm::sm100

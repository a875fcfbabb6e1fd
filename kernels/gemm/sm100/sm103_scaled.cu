/// mxfp4 and nvfp4 by the instructions of sm_103a that multiply 96 of K at once: half as many again
/// in the same time.

#include "kernels/gemm/sm100/sm100_describe.cuh"
#include "kernels/gemm/sm100/sm100_kernels.hpp"

#include <array>

namespace rackproof::kernels::gemm::sm100 {
namespace {

/// `ScaleStages`: as many elements of K ahead as the operands' five stages, 1280.
template <MatrixKind Kind, int ScaleStages>
struct PairTile {
  static constexpr Sm100Tile kTile{.kind = Kind,
                                   .ctas = 2,
                                   .tile_n = 256,
                                   .stages = 5,
                                   .step_bytes = kWideStepBytes,
                                   .scale_stages = ScaleStages};
};
template <MatrixKind Kind, int ScaleStages>
struct SingleTile {
  static constexpr Sm100Tile kTile{.kind = Kind,
                                   .ctas = 1,
                                   .tile_n = 128,
                                   .stages = 5,
                                   .step_bytes = kWideStepBytes,
                                   .scale_stages = ScaleStages};
};

}  // namespace

std::span<const GemmKernel> wide_kernels(ElementType type) {
  static const std::array kMxfp4{
      describe_sm100_kernel<__nv_bfloat16, PairTile<MatrixKind::mxf4, 4>>(
          "gemm_tcgen05_mxfp4_k96_256x256_pair"),
      describe_sm100_kernel<__nv_bfloat16, SingleTile<MatrixKind::mxf4, 4>>(
          "gemm_tcgen05_mxfp4_k96_128x128")};
  static const std::array kNvfp4{
      describe_sm100_kernel<__nv_bfloat16, PairTile<MatrixKind::mxf4nvf4, 7>>(
          "gemm_tcgen05_nvfp4_k96_256x256_pair"),
      describe_sm100_kernel<__nv_bfloat16, SingleTile<MatrixKind::mxf4nvf4, 7>>(
          "gemm_tcgen05_nvfp4_k96_128x128")};
  return type == ElementType::mxfp4   ? std::span<const GemmKernel>(kMxfp4)
         : type == ElementType::nvfp4 ? std::span<const GemmKernel>(kNvfp4)
                                      : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm::sm100

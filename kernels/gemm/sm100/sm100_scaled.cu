/// mxfp8, mxfp4 and nvfp4 by tcgen05 of sm_100 and sm_103: scales travel beside the operands.

#include "kernels/gemm/sm100/sm100_describe.cuh"
#include "kernels/gemm/sm100/sm100_kernels.hpp"

namespace rackproof::kernels::gemm::sm100 {

std::span<const GemmKernel> scaled_kernels(ElementType type) {
  static const auto kMxfp8 = pair_and_single<__nv_bfloat16, MatrixKind::mxf8f6f4>(
      "gemm_tcgen05_mxfp8_256x256x128_pair", "gemm_tcgen05_mxfp8_128x128x128");
  static const auto kMxfp4 = pair_and_single<__nv_bfloat16, MatrixKind::mxf4>(
      "gemm_tcgen05_mxfp4_256x256x256_pair", "gemm_tcgen05_mxfp4_128x128x256");
  static const auto kNvfp4 = pair_and_single<__nv_bfloat16, MatrixKind::mxf4nvf4>(
      "gemm_tcgen05_nvfp4_256x256x256_pair", "gemm_tcgen05_nvfp4_128x128x256");
  return type == ElementType::mxfp8   ? std::span<const GemmKernel>(kMxfp8)
         : type == ElementType::mxfp4 ? std::span<const GemmKernel>(kMxfp4)
         : type == ElementType::nvfp4 ? std::span<const GemmKernel>(kNvfp4)
                                      : std::span<const GemmKernel>{};
}

std::span<const GemmKernel> scaled_multicast_kernels(ElementType type) {
  static const std::array kNvfp4{
      describe_sm100_kernel<__nv_bfloat16, PairsTile<MatrixKind::mxf4nvf4, 2>>(
          "gemm_tcgen05_nvfp4_512x256x256_two_pairs")};
  return type == ElementType::nvfp4 ? std::span<const GemmKernel>(kNvfp4)
                                    : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm::sm100

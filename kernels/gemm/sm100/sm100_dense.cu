/// bf16, fp16, tf32 and fp8 by tcgen05 of sm_100 and sm_103.

#include "kernels/gemm/sm100/sm100_describe.cuh"
#include "kernels/gemm/sm100/sm100_kernels.hpp"

namespace rackproof::kernels::gemm::sm100 {

std::span<const GemmKernel> dense_kernels(ElementType type) {
  static const auto kBf16 = pair_and_single<__nv_bfloat16, MatrixKind::f16>(
      "gemm_tcgen05_bf16_256x256x64_pair", "gemm_tcgen05_bf16_128x128x64");
  static const auto kFp16 = pair_and_single<__half, MatrixKind::f16>(
      "gemm_tcgen05_fp16_256x256x64_pair", "gemm_tcgen05_fp16_128x128x64");
  static const auto kTf32 = pair_and_single<float, MatrixKind::tf32>(
      "gemm_tcgen05_tf32_256x256x32_pair", "gemm_tcgen05_tf32_128x128x32");
  // The formats differ in the instruction descriptor alone.
  static const auto kE4m3 = pair_and_single<__nv_bfloat16, MatrixKind::f8f6f4>(
      "gemm_tcgen05_fp8_e4m3_256x256x128_pair", "gemm_tcgen05_fp8_e4m3_128x128x128");
  static const auto kE5m2 = pair_and_single<__nv_bfloat16, MatrixKind::f8f6f4>(
      "gemm_tcgen05_fp8_e5m2_256x256x128_pair", "gemm_tcgen05_fp8_e5m2_128x128x128");
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

std::span<const GemmKernel> dense_multicast_kernels(ElementType type) {
  static const std::array kBf16{describe_sm100_kernel<__nv_bfloat16, PairsTile<MatrixKind::f16, 2>>(
      "gemm_tcgen05_bf16_512x256x64_two_pairs")};
  return type == ElementType::bf16 ? std::span<const GemmKernel>(kBf16)
                                   : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm::sm100

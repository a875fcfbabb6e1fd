/// bf16 and fp16 on the tensor cores of sm_80 and newer: mma.sync m16n8k16, fp32 accumulators.

#include "kernels/gemm/gemm_tensor.cuh"
#include "kernels/ptx/mma.cuh"

#include <array>

namespace rackproof::kernels::gemm {
namespace {

template <typename T>
struct HalfMma : DirectOperands {
  using Sum = float;
  using Result = T;
  static __device__ __forceinline__ void multiply(Sum (&d)[4], const std::uint32_t (&a)[4],
                                                  std::uint32_t b0, std::uint32_t b1) {
    ptx::mma_m16n8k16<T>(d, a, b0, b1);
  }
};
using Bf16 = HalfMma<__nv_bfloat16>;
using Fp16 = HalfMma<__half>;

}  // namespace

std::span<const GemmKernel> sm80_tensor_kernels(ElementType type) {
  static const std::array kBf16{
      describe_tensor_kernel<Bf16, LargeTile<2>>("gemm_tensor_bf16_128x256x64"),
      describe_tensor_kernel<Bf16, SmallTile<2>>("gemm_tensor_bf16_64x128x64"),
      describe_tensor_kernel<Bf16, DecodeTile<2>>("gemm_tensor_bf16_16x128x64")};
  static const std::array kFp16{
      describe_tensor_kernel<Fp16, LargeTile<2>>("gemm_tensor_fp16_128x256x64"),
      describe_tensor_kernel<Fp16, SmallTile<2>>("gemm_tensor_fp16_64x128x64"),
      describe_tensor_kernel<Fp16, DecodeTile<2>>("gemm_tensor_fp16_16x128x64")};
  return type == ElementType::bf16   ? std::span<const GemmKernel>(kBf16)
         : type == ElementType::fp16 ? std::span<const GemmKernel>(kFp16)
                                     : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm

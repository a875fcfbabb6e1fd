/// tf32 on the tensor cores of sm_80 and newer: mma.sync m16n8k8, fp32 accumulators and results.
/// Operands are tf32 in memory (fp32 whose low 13 bits are 0) and go to the tensor cores as they
/// are; rounding fp32 data to tf32 is the producer's step, once, not one of every tile that reads
/// it.

#include "kernels/gemm/gemm_tensor.cuh"
#include "kernels/ptx/mma.cuh"

#include <array>

namespace rackproof::kernels::gemm {
namespace {

struct Tf32Mma : DirectOperands {
  using Sum = float;
  using Result = float;
  static __device__ __forceinline__ void multiply(Sum (&d)[4], const std::uint32_t (&a)[4],
                                                  std::uint32_t b0, std::uint32_t b1) {
    ptx::mma_m16n8k8_tf32(d, a, b0, b1);
  }
};

}  // namespace

std::span<const GemmKernel> sm80_tf32_kernels() {
  static const std::array kKernels{
      describe_tensor_kernel<Tf32Mma, LargeTile<4>>("gemm_tensor_tf32_128x256x32"),
      describe_tensor_kernel<Tf32Mma, SmallTile<4>>("gemm_tensor_tf32_64x128x32"),
      describe_tensor_kernel<Tf32Mma, DecodeTile<4>>("gemm_tensor_tf32_16x128x32")};
  return kKernels;
}

}  // namespace rackproof::kernels::gemm

/// int8 on the tensor cores of sm_80 and newer: mma.sync m16n8k32, int32 accumulators and results,
/// exact (GemmProblem bounds K so that no sum leaves 32 bits).

#include "kernels/gemm/gemm_tensor.cuh"
#include "kernels/ptx/mma.cuh"

#include <array>

namespace rackproof::kernels::gemm {
namespace {

struct Int8Mma : DirectOperands {
  using Sum = std::int32_t;
  using Result = std::int32_t;
  static __device__ __forceinline__ void multiply(Sum (&d)[4], const std::uint32_t (&a)[4],
                                                  std::uint32_t b0, std::uint32_t b1) {
    ptx::mma_m16n8k32_s8(d, a, b0, b1);
  }
};

}  // namespace

std::span<const GemmKernel> sm80_int8_kernels() {
  static const std::array kKernels{
      describe_tensor_kernel<Int8Mma, LargeTile<1>>("gemm_tensor_int8_128x256x128"),
      describe_tensor_kernel<Int8Mma, SmallTile<1>>("gemm_tensor_int8_64x128x128"),
      describe_tensor_kernel<Int8Mma, DecodeTile<1>>("gemm_tensor_int8_16x128x128")};
  return kKernels;
}

}  // namespace rackproof::kernels::gemm

#include "kernels/gemm/sm90/sm90_kernels.hpp"

namespace rackproof::kernels::gemm::sm90 {

std::span<const GemmKernel> kernels(ElementType type) {
  const std::span<const GemmKernel> half = half_kernels(type);
  return half.empty() ? fp8_kernels(type) : half;
}

}  // namespace rackproof::kernels::gemm::sm90

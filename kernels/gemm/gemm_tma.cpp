#include "kernels/gemm/gemm_tma.hpp"

namespace rackproof::kernels::gemm {

std::optional<std::string> tma_declines(const GemmProblem& problem) {
  constexpr std::int64_t kTmaBytes = 16;
  const std::int64_t step = kTmaBytes / element_bytes(problem.result_type());
  if (problem.shape().n % step != 0) {
    return "stores rows of whole 16 bytes: N must be a multiple of " + std::to_string(step) +
           ", found " + std::to_string(problem.shape().n);
  }
  return std::nullopt;
}

}  // namespace rackproof::kernels::gemm

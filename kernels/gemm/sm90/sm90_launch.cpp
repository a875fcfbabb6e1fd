#include "kernels/gemm/sm90/sm90_launch.hpp"

#include "kernels/gemm/gemm_split.hpp"
#include "kernels/gemm/gemm_tma.hpp"
#include "kernels/gemm/sm90/sm90_arguments.hpp"
#include "kernels/gemm/sm90/sm90_config.hpp"

namespace rackproof::kernels::gemm::sm90 {

void launch_sm90(const GemmKernel& kernel, const GemmProblem& problem,
                 const KernelArguments& arguments, std::int64_t blocks, cudaStream_t stream) {
  const GemmShape& shape = problem.shape();
  Sm90Arguments own{
      .a = operand_map(problem, arguments.a, shape.m, kernel.tile_m),
      .b = operand_map(problem, arguments.b, shape.n, kernel.tile_n / kernel.cluster_m),
      .c = problem.has_c() ? result_map(problem, arguments.c, kPanelRows, kBankLineBytes)
                           : CUtensorMap{},
      .d = result_map(problem, arguments.d, kPanelRows, kBankLineBytes),
      .m = arguments.m,
      .n = arguments.n,
      .k = arguments.k,
      .alpha = arguments.alpha,
      .beta = arguments.beta,
  };
  launch_clusters(kernel, &own, blocks, stream);
}

}  // namespace rackproof::kernels::gemm::sm90

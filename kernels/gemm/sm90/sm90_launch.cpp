#include "kernels/gemm/sm90/sm90_launch.hpp"

#include "kernels/common/tensor_map.hpp"
#include "kernels/gemm/gemm_config.hpp"
#include "kernels/gemm/gemm_split.hpp"
#include "kernels/gemm/sm90/sm90_arguments.hpp"
#include "kernels/gemm/sm90/sm90_config.hpp"
#include "runtime/error.hpp"

#include <array>

namespace rackproof::kernels::gemm::sm90 {
namespace {

/// An operand: 128 bytes of K of `box_rows` rows.
CUtensorMap operand_map(const GemmProblem& problem, const void* address, std::int64_t rows,
                        int box_rows) {
  const int bytes = static_cast<int>(element_bytes(problem.type()));
  return make_tensor_map({.address = address,
                          .type = problem.type(),
                          .rows = rows,
                          .columns = problem.shape().k,
                          .row_stride_bytes = problem.leading_dimension() * bytes,
                          .box_rows = box_rows,
                          .box_columns = kBankLineBytes / bytes});
}

/// C or D: a panel.
CUtensorMap result_map(const GemmProblem& problem, const void* address) {
  return make_tensor_map({.address = address,
                          .type = problem.result_type(),
                          .rows = problem.shape().m,
                          .columns = problem.shape().n,
                          .row_stride_bytes = problem.shape().n * kResultBytes,
                          .box_rows = kPanelRows,
                          .box_columns = kPanelColumns});
}

}  // namespace

void launch_sm90(const GemmKernel& kernel, const GemmProblem& problem,
                 const KernelArguments& arguments, std::int64_t blocks, cudaStream_t stream) {
  const GemmShape& shape = problem.shape();
  Sm90Arguments own{
      .a = operand_map(problem, arguments.a, shape.m, kernel.tile_m),
      .b = operand_map(problem, arguments.b, shape.n, kernel.tile_n / kernel.cluster_m),
      .c = problem.has_c() ? result_map(problem, arguments.c) : CUtensorMap{},
      .d = result_map(problem, arguments.d),
      .m = arguments.m,
      .n = arguments.n,
      .k = arguments.k,
      .alpha = arguments.alpha,
      .beta = arguments.beta,
  };
  std::array<cudaLaunchAttribute, 1> attributes{};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim.x = static_cast<unsigned>(kernel.cluster_m);
  attributes[0].val.clusterDim.y = 1;
  attributes[0].val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(kernel.threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(kernel.shared_bytes);
  config.stream = stream;
  config.attrs = attributes.data();
  config.numAttrs = static_cast<unsigned>(attributes.size());
  std::array<void*, 1> parameters{&own};
  RACKPROOF_CUDA(cudaLaunchKernelExC(&config, kernel.function, parameters.data()));
}

}  // namespace rackproof::kernels::gemm::sm90

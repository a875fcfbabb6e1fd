#include "kernels/gemm/gemm_tma.hpp"

#include "kernels/common/tensor_map.hpp"
#include "kernels/gemm/gemm_config.hpp"
#include "runtime/error.hpp"

#include <array>

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

CUtensorMap operand_map(const GemmProblem& problem, const void* address, std::int64_t rows,
                        int box_rows) {
  constexpr int kBitsPerByte = 8;
  const int bits = static_cast<int>(element_bits(problem.type()));
  const int elements_per_column = bits < kBitsPerByte ? kBitsPerByte / bits : 1;
  return make_tensor_map(
      {.address = address,
       .type = bits < kBitsPerByte ? ElementType::int8 : problem.type(),
       .rows = rows,
       .columns = problem.shape().k / elements_per_column,
       .row_stride_bytes = problem.leading_dimension() * bits / kBitsPerByte,
       .box_rows = box_rows,
       .box_columns = kBankLineBytes * kBitsPerByte / bits / elements_per_column});
}

CUtensorMap result_map(const GemmProblem& problem, const void* address, int box_rows,
                       int box_bytes) {
  const int bytes = static_cast<int>(element_bytes(problem.result_type()));
  return make_tensor_map({.address = address,
                          .type = problem.result_type(),
                          .rows = problem.shape().m,
                          .columns = problem.shape().n,
                          .row_stride_bytes = problem.shape().n * bytes,
                          .box_rows = box_rows,
                          .box_columns = box_bytes / bytes});
}

void launch_clusters(const GemmKernel& kernel, void* arguments, std::int64_t blocks,
                     cudaStream_t stream) {
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
  std::array<void*, 1> parameters{arguments};
  RACKPROOF_CUDA(cudaLaunchKernelExC(&config, kernel.function, parameters.data()));
}

}  // namespace rackproof::kernels::gemm

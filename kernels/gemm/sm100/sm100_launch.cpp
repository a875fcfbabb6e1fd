#include "kernels/gemm/sm100/sm100_launch.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/common/tensor_map.hpp"
#include "kernels/gemm/gemm_config.hpp"
#include "kernels/gemm/sm100/sm100_arguments.hpp"
#include "kernels/gemm/sm100/sm100_config.hpp"
#include "runtime/error.hpp"

#include <array>
#include <stdexcept>

namespace rackproof::kernels::gemm::sm100 {
namespace {

/// An operand: 128 bytes of K of `box_rows` rows.
CUtensorMap operand_map(const GemmProblem& problem, const void* address, std::int64_t rows,
                        int box_rows) {
  // Two elements of 4 bits are copied as a byte.
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

/// The scales of A or B: a K-tile of the rows that one CTA needs.
CUtensorMap scale_map(const GemmProblem& problem, const GemmKernel& kernel, const void* address,
                      std::int64_t rows, int box_rows) {
  if (kernel.scale_blocks == 0) {
    return {};
  }
  const auto row_blocks = [](std::int64_t count) { return (count + kScaleRows - 1) / kScaleRows; };
  return make_block_map(
      {.address = address,
       .rows = row_blocks(rows),
       .row_bytes = scale_blocks_of_row(problem.type(), problem.shape().k) * kScaleBlockBytes,
       .box_rows = static_cast<int>(row_blocks(box_rows)),
       .box_bytes = kernel.scale_blocks * static_cast<int>(kScaleBlockBytes)});
}

/// C or D: a warp's panel.
CUtensorMap result_map(const GemmProblem& problem, const void* address) {
  const int bytes = static_cast<int>(element_bytes(problem.result_type()));
  return make_tensor_map({.address = address,
                          .type = problem.result_type(),
                          .rows = problem.shape().m,
                          .columns = problem.shape().n,
                          .row_stride_bytes = problem.shape().n * bytes,
                          .box_rows = kPanelRows,
                          .box_columns = kBankLineBytes / bytes});
}

std::uint32_t instruction_of(ElementType type, int m, int n) {
  switch (type) {
    case ElementType::bf16:
      return ptx::dense_instruction(ptx::MatrixFormat::bf16, m, n);
    case ElementType::fp16:
      return ptx::dense_instruction(ptx::MatrixFormat::fp16, m, n);
    case ElementType::tf32:
      return ptx::dense_instruction(ptx::MatrixFormat::tf32, m, n);
    case ElementType::fp8_e4m3:
      return ptx::dense_instruction(ptx::MatrixFormat::e4m3, m, n);
    case ElementType::fp8_e5m2:
      return ptx::dense_instruction(ptx::MatrixFormat::e5m2, m, n);
    case ElementType::mxfp8:
      return ptx::scaled_instruction(ptx::MatrixFormat::e4m3, true, m, n);
    case ElementType::nvfp4:
      return ptx::scaled_instruction(ptx::MatrixFormat::e2m1, false, m, n);
    case ElementType::fp32:
    case ElementType::fp64:
    case ElementType::int8:
    case ElementType::int32:
      break;
  }
  throw std::invalid_argument("no operand of tcgen05.mma");
}

void launch(const GemmKernel& kernel, const GemmProblem& problem, const KernelArguments& arguments,
            std::int64_t blocks, cudaStream_t stream, bool steals) {
  const GemmShape& shape = problem.shape();
  const int ctas = kernel.cluster_m;
  Sm100Arguments own{
      .a = operand_map(problem, arguments.a, shape.m, kernel.tile_m),
      .b = operand_map(problem, arguments.b, shape.n, kernel.tile_n / ctas),
      .a_scales = scale_map(problem, kernel, arguments.a_scales, shape.m, kernel.tile_m),
      .b_scales = scale_map(problem, kernel, arguments.b_scales, shape.n, kernel.tile_n),
      .c = problem.has_c() ? result_map(problem, arguments.c) : CUtensorMap{},
      .d = result_map(problem, arguments.d),
      .m = arguments.m,
      .n = arguments.n,
      .k = arguments.k,
      .alpha = arguments.alpha,
      .beta = arguments.beta,
      .instruction = instruction_of(problem.type(), ctas * kernel.tile_m, kernel.tile_n),
      .steals = steals,
  };
  std::array<cudaLaunchAttribute, 1> attributes{};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim.x = static_cast<unsigned>(ctas);
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

}  // namespace

void launch_stealing(const GemmKernel& kernel, const GemmProblem& problem,
                     const KernelArguments& arguments, std::int64_t blocks, cudaStream_t stream) {
  launch(kernel, problem, arguments, blocks, stream, true);
}

void launch_static(const GemmKernel& kernel, const GemmProblem& problem,
                   const KernelArguments& arguments, std::int64_t blocks, cudaStream_t stream) {
  launch(kernel, problem, arguments, blocks, stream, false);
}

}  // namespace rackproof::kernels::gemm::sm100

#include "kernels/gemm/sm100/sm100_launch.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/common/tensor_map.hpp"
#include "kernels/gemm/gemm_tma.hpp"
#include "kernels/gemm/sm100/sm100_arguments.hpp"
#include "kernels/gemm/sm100/sm100_config.hpp"

#include <stdexcept>

namespace rackproof::kernels::gemm::sm100 {
namespace {

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
      .c = problem.has_c() ? result_map(problem, arguments.c, kPanelRows) : CUtensorMap{},
      .d = result_map(problem, arguments.d, kPanelRows),
      .m = arguments.m,
      .n = arguments.n,
      .k = arguments.k,
      .alpha = arguments.alpha,
      .beta = arguments.beta,
      .instruction = instruction_of(problem.type(), ctas * kernel.tile_m, kernel.tile_n),
      .steals = steals,
  };
  launch_clusters(kernel, &own, blocks, stream);
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

#include "kernels/gemm/sm100/sm100_launch.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/common/tensor_map.hpp"
#include "kernels/gemm/gemm_tma.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "kernels/gemm/sm100/sm100_arguments.hpp"
#include "kernels/gemm/sm100/sm100_config.hpp"
#include "runtime/error.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace rackproof::kernels::gemm::sm100 {
namespace {

/// A or B.
struct Operand {
  const void* data;
  const void* scales;
  std::int64_t rows;
  int tile_rows;  ///< of one CTA of A, of all CTAs of B
  int copies;     ///< by which the CTAs of a cluster share them
  int scale_copies = 1;
};

/// Scales of an operand: a K-tile of the rows that one CTA copies.
CUtensorMap scale_map(const GemmProblem& problem, const GemmKernel& kernel,
                      const Operand& operand) {
  if (kernel.scale_blocks == 0) {
    return {};
  }
  const auto row_blocks = [](std::int64_t count) { return (count + kScaleRows - 1) / kScaleRows; };
  return make_block_map(
      {.address = operand.scales,
       .rows = row_blocks(operand.rows),
       .row_bytes = scale_blocks_of_row(problem.type(), problem.shape().k) * kScaleBlockBytes,
       .box_rows = static_cast<int>(row_blocks(operand.tile_rows)) / operand.scale_copies,
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
    case ElementType::mxfp4:
      return ptx::scaled_instruction(ptx::MatrixFormat::e2m1, true, m, n);
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

/// Tiles of fewer columns than a block of scales would begin inside of one.
void refuse_more_rows(const GemmKernel& kernel, const GemmShape& shape) {
  if (kernel.swapped && kernel.scale_blocks != 0 && !is_meant_for(kernel, shape)) {
    throw runtime::NotAvailable(std::string(kernel.name) + " takes at most " +
                                std::to_string(kernel.most_rows) + " rows, found " +
                                std::to_string(shape.m));
  }
}

void launch(const GemmKernel& kernel, const GemmProblem& problem, const KernelArguments& arguments,
            std::int64_t blocks, cudaStream_t stream, bool steals) {
  const GemmShape& shape = problem.shape();
  refuse_more_rows(kernel, shape);
  Operand lanes{arguments.a, arguments.a_scales, shape.m, kernel.tile_m, 1};
  Operand columns{arguments.b,   arguments.b_scales, shape.n,
                  kernel.tile_n, kernel.cluster_m,   kernel.cta_group};
  if (kernel.swapped) {
    std::swap(lanes, columns);
  }
  const auto result = [&](const void* address) {
    return kernel.swapped ? result_map(problem, address, kSwappedColumns, kSwappedRowBytes)
                          : result_map(problem, address, kPanelRows, kBankLineBytes);
  };
  Sm100Arguments own{
      .a = operand_map(problem, lanes.data, lanes.rows, lanes.tile_rows / lanes.copies),
      .b = operand_map(problem, columns.data, columns.rows, columns.tile_rows / columns.copies),
      .a_scales = scale_map(problem, kernel, lanes),
      .b_scales = scale_map(problem, kernel, columns),
      .c = problem.has_c() ? result(arguments.c) : CUtensorMap{},
      .d = result(arguments.d),
      .m = static_cast<int>(lanes.rows),
      .n = static_cast<int>(columns.rows),
      .k = arguments.k,
      .alpha = arguments.alpha,
      .beta = arguments.beta,
      .instruction =
          instruction_of(problem.type(), kernel.cta_group * lanes.tile_rows, columns.tile_rows),
      .steals = steals && !arguments.streams,
      .columns = columns.tile_rows,
      .streams = arguments.streams,
      .slices = arguments.slices,
      .shared_k_tiles = arguments.k_tiles_per_slice,
      .partials = static_cast<char*>(arguments.partials),
      .arrivals = arguments.arrivals,
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

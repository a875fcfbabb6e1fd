#include "kernels/gemm/gemm_buffers.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/common/host_codec.hpp"
#include "kernels/common/random_fill.hpp"
#include "kernels/quantize/quantize.hpp"

namespace rackproof::kernels::gemm {
namespace {

using Buffer = runtime::DeviceBuffer<std::byte>;

std::size_t bytes_of(ElementType type, std::int64_t rows, std::int64_t columns) {
  constexpr std::size_t kBitsPerByte = 8;
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) * element_bits(type) /
         kBitsPerByte;
}

Buffer allocate(ElementType type, std::int64_t rows, std::int64_t columns) {
  return Buffer(bytes_of(type, rows, columns));
}

Buffer allocate_scales(ElementType type, std::int64_t rows, std::int64_t columns) {
  return Buffer(static_cast<std::size_t>(scale_bytes(type, rows, columns)));
}

void fill(ElementType type, Buffer& buffer, const PrepareOptions& options, std::uint64_t array) {
  fill_uniform(buffer.data(), type, buffer.size() / element_bytes(type),
               derive_seed(options.seed, array), nullptr);
}

/// A or B: drawn as they are, or drawn in bf16 with a magnitude for each scale, and quantised.
void fill_operand(const GemmProblem& problem, std::int64_t rows, Buffer& elements, Buffer& scales,
                  const PrepareOptions& options, std::uint64_t array) {
  if (scale_interval(problem.type()) == 0) {
    fill(problem.type(), elements, options, array);
    return;
  }
  const std::int64_t columns = problem.shape().k;
  Buffer source = allocate(ElementType::bf16, rows, columns);
  fill_uniform_runs(source.data(), source.size() / element_bytes(ElementType::bf16),
                    scale_interval(problem.type()), derive_seed(options.seed, array), nullptr);
  quantize::quantize(problem.type(),
                     {.source = source.data(),
                      .elements = elements.data(),
                      .scales = scales.data(),
                      .element_row_bytes = static_cast<std::int64_t>(
                          bytes_of(problem.type(), 1, problem.leading_dimension())),
                      .rows = static_cast<int>(rows),
                      .columns = static_cast<int>(columns)},
                     nullptr);
  RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));  // before the source is freed
}

void copy(Buffer& destination, const Buffer& source) {
  RACKPROOF_CUDA(cudaMemcpyAsync(destination.data(), source.data(), source.size_bytes(),
                                 cudaMemcpyDeviceToDevice, nullptr));
}

GemmBuffers::Set allocate_set(const GemmProblem& problem) {
  const GemmShape& shape = problem.shape();
  const ElementType result = problem.result_type();
  return {.a = allocate(problem.type(), shape.m, problem.leading_dimension()),
          .b = allocate(problem.type(), shape.n, problem.leading_dimension()),
          .c = problem.has_c() ? allocate(result, shape.m, shape.n) : Buffer{},
          .d = allocate(result, shape.m, shape.n),
          .a_scales = allocate_scales(problem.type(), shape.m, shape.k),
          .b_scales = allocate_scales(problem.type(), shape.n, shape.k)};
}

RowReader device_rows(ElementType type, const Buffer& buffer, std::int64_t columns,
                      std::int64_t leading_dimension) {
  return [=, device = buffer.data()](std::int64_t first, std::int64_t count,
                                     std::span<double> values) {
    const std::size_t row_bytes = bytes_of(type, 1, leading_dimension);
    std::vector<std::byte> raw(static_cast<std::size_t>(count) * row_bytes);
    RACKPROOF_CUDA(cudaMemcpy(raw.data(), device + static_cast<std::size_t>(first) * row_bytes,
                              raw.size(), cudaMemcpyDeviceToHost));
    const auto width = static_cast<std::size_t>(columns);
    for (std::size_t row = 0; row < static_cast<std::size_t>(count); ++row) {
      decode(type, raw.data() + row * row_bytes, values.subspan(row * width, width));
    }
  };
}

/// Elements times scales.
RowReader scaled_rows(ElementType type, const Buffer& elements, const Buffer& scales,
                      std::int64_t columns, std::int64_t leading_dimension) {
  return [=, device = elements.data(), device_scales = scales.data()](
             std::int64_t first, std::int64_t count, std::span<double> values) {
    // Scales come in blocks of rows.
    const std::int64_t first_block_row = first / kScaleBlockRows * kScaleBlockRows;
    const auto skipped = static_cast<std::size_t>(scale_bytes(type, first_block_row, columns));
    const auto end = static_cast<std::size_t>(scale_bytes(type, first + count, columns));
    const std::size_t row_bytes = bytes_of(type, 1, leading_dimension);
    std::vector<std::byte> raw(static_cast<std::size_t>(count) * row_bytes);
    std::vector<std::byte> raw_scales(end - skipped);
    RACKPROOF_CUDA(cudaMemcpy(raw.data(), device + static_cast<std::size_t>(first) * row_bytes,
                              raw.size(), cudaMemcpyDeviceToHost));
    RACKPROOF_CUDA(cudaMemcpy(raw_scales.data(), device_scales + skipped, raw_scales.size(),
                              cudaMemcpyDeviceToHost));
    const auto width = static_cast<std::size_t>(columns);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto row = static_cast<std::size_t>(i);
      decode_scaled_row(type, raw.data() + row * row_bytes, raw_scales.data(),
                        first + i - first_block_row, values.subspan(row * width, width));
    }
  };
}

RowReader operand_rows(const GemmProblem& problem, const Buffer& elements, const Buffer& scales) {
  const std::int64_t leading_dimension = problem.leading_dimension();
  return scale_interval(problem.type()) == 0
             ? device_rows(problem.type(), elements, problem.shape().k, leading_dimension)
             : scaled_rows(problem.type(), elements, scales, problem.shape().k, leading_dimension);
}

}  // namespace

GemmBuffers::GemmBuffers(const GemmProblem& problem, const PrepareOptions& options)
    : problem_(problem) {
  const std::uint64_t sets = options.rotate_beyond_bytes / problem.footprint_bytes() + 1;
  for (std::uint64_t i = 0; i < sets; ++i) {
    Set& set = sets_.emplace_back(allocate_set(problem));
    if (i == 0) {
      fill_operand(problem, problem.shape().m, set.a, set.a_scales, options, 0);
      fill_operand(problem, problem.shape().n, set.b, set.b_scales, options, 1);
      fill(problem.result_type(), set.c, options, 2);
    } else {
      copy(set.a, sets_.front().a);
      copy(set.b, sets_.front().b);
      copy(set.c, sets_.front().c);
      copy(set.a_scales, sets_.front().a_scales);
      copy(set.b_scales, sets_.front().b_scales);
    }
    // A NaN in every floating-point type; 0x80808080 is below all sums of kLargestInt8K products.
    const int unwritten = is_integer(problem.result_type()) ? 0x80 : 0xFF;
    RACKPROOF_CUDA(cudaMemsetAsync(set.d.data(), unwritten, set.d.size_bytes(), nullptr));
  }
  RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
  current_ = sets_.size() - 1;
}

GemmBuffers::Set& GemmBuffers::advance() {
  current_ = (current_ + 1) % sets_.size();
  return sets_[current_];
}

OutputView GemmBuffers::output() {
  const GemmShape& shape = problem_.shape();
  return {.data = current().d.data(),
          .elements = static_cast<std::uint64_t>(shape.m * shape.n),
          .element_bytes = element_bytes(problem_.result_type())};
}

GemmData GemmBuffers::data() {
  const Set& set = current();
  const GemmShape& shape = problem_.shape();
  return {.a = operand_rows(problem_, set.a, set.a_scales),
          .b = operand_rows(problem_, set.b, set.b_scales),
          .c = device_rows(problem_.result_type(), set.c, shape.n, shape.n),
          .d = device_rows(problem_.result_type(), set.d, shape.n, shape.n)};
}

}  // namespace rackproof::kernels::gemm

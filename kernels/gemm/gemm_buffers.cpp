#include "kernels/gemm/gemm_buffers.hpp"

#include "kernels/common/host_codec.hpp"
#include "kernels/common/random_fill.hpp"

namespace rackproof::kernels::gemm {
namespace {

using Buffer = runtime::DeviceBuffer<std::byte>;

Buffer allocate(ElementType type, std::int64_t rows, std::int64_t columns) {
  return Buffer(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) *
                element_bytes(type));
}

void fill(ElementType type, Buffer& buffer, const PrepareOptions& options, std::uint64_t array) {
  fill_uniform(buffer.data(), type, buffer.size() / element_bytes(type),
               derive_seed(options.seed, array), nullptr);
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
          .d = allocate(result, shape.m, shape.n)};
}

RowReader device_rows(ElementType type, const Buffer& buffer, std::int64_t columns,
                      std::int64_t leading_dimension) {
  return [=, device = buffer.data()](std::int64_t first, std::int64_t count,
                                     std::span<double> values) {
    const std::size_t row_bytes = static_cast<std::size_t>(leading_dimension) * element_bytes(type);
    std::vector<std::byte> raw(static_cast<std::size_t>(count) * row_bytes);
    RACKPROOF_CUDA(cudaMemcpy(raw.data(), device + static_cast<std::size_t>(first) * row_bytes,
                              raw.size(), cudaMemcpyDeviceToHost));
    const auto width = static_cast<std::size_t>(columns);
    for (std::size_t row = 0; row < static_cast<std::size_t>(count); ++row) {
      decode(type, raw.data() + row * row_bytes, values.subspan(row * width, width));
    }
  };
}

}  // namespace

GemmBuffers::GemmBuffers(const GemmProblem& problem, const PrepareOptions& options)
    : problem_(problem) {
  const std::uint64_t sets = options.rotate_beyond_bytes / problem.footprint_bytes() + 1;
  for (std::uint64_t i = 0; i < sets; ++i) {
    Set& set = sets_.emplace_back(allocate_set(problem));
    if (i == 0) {
      fill(problem.type(), set.a, options, 0);
      fill(problem.type(), set.b, options, 1);
      fill(problem.result_type(), set.c, options, 2);
    } else {
      copy(set.a, sets_.front().a);
      copy(set.b, sets_.front().b);
      copy(set.c, sets_.front().c);
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
  const std::int64_t leading_dimension = problem_.leading_dimension();
  return {.a = device_rows(problem_.type(), set.a, shape.k, leading_dimension),
          .b = device_rows(problem_.type(), set.b, shape.k, leading_dimension),
          .c = device_rows(problem_.result_type(), set.c, shape.n, shape.n),
          .d = device_rows(problem_.result_type(), set.d, shape.n, shape.n)};
}

}  // namespace rackproof::kernels::gemm

#include "kernels/common/block_scale.hpp"
#include "kernels/gemm/gemm.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace rackproof::kernels::gemm {
namespace {

constexpr std::int64_t kRowAlignmentBytes = 16;
/// Indices of rows, columns and k, rounded up to whole tiles, fit into an int.
constexpr std::int64_t kLargestExtent = std::numeric_limits<std::int32_t>::max() - 1024;

struct TypeFacts {
  ElementType operand;
  ElementType result;
  std::string_view peak;  ///< key of gpu.peak_tflops
};
constexpr std::array kTypes{
    TypeFacts{ElementType::bf16, ElementType::bf16, "bf16"},
    TypeFacts{ElementType::fp16, ElementType::fp16, "fp16"},
    TypeFacts{ElementType::fp32, ElementType::fp32, "fp32"},
    TypeFacts{ElementType::tf32, ElementType::fp32, "tf32"},
    TypeFacts{ElementType::fp64, ElementType::fp64, "fp64_tensor"},
    TypeFacts{ElementType::fp8_e4m3, ElementType::bf16, "fp8"},
    TypeFacts{ElementType::fp8_e5m2, ElementType::bf16, "fp8"},
    TypeFacts{ElementType::int8, ElementType::int32, "int8"},
    TypeFacts{ElementType::mxfp8, ElementType::bf16, "fp8"},
    TypeFacts{ElementType::mxfp4, ElementType::bf16, "mxfp4"},
    TypeFacts{ElementType::nvfp4, ElementType::bf16, "nvfp4"},
};

const TypeFacts& facts(ElementType operand) {
  for (const TypeFacts& candidate : kTypes) {
    if (candidate.operand == operand) {
      return candidate;
    }
  }
  throw ParamError("type", "no GEMM multiplies " + std::string(to_string(operand)));
}

void require_extent(const char* key, std::int64_t extent) {
  if (extent < 1 || extent > kLargestExtent) {
    throw ParamError(key, "must be between 1 and " + std::to_string(kLargestExtent) + ", found " +
                              std::to_string(extent));
  }
}

void require_finite(const char* key, float value) {
  if (!std::isfinite(value)) {
    throw ParamError(key, "must be a finite number in the range of fp32");
  }
}

std::string compact(float value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.9g", static_cast<double>(value));
  return text.data();
}

double as_double(std::int64_t value) {
  return static_cast<double>(value);
}

/// What the exactness of integers allows.
void require_exact(const GemmShape& shape, const GemmScalars& scalars) {
  if (shape.k > kLargestInt8K) {
    throw ParamError("k", "must be at most " + std::to_string(kLargestInt8K) +
                              " for int8, so that no sum exceeds 32 bits; found " +
                              std::to_string(shape.k));
  }
  if (scalars.alpha != 1.0F) {
    throw ParamError("alpha", "must be 1 for int8, found " + compact(scalars.alpha));
  }
  if (scalars.beta != 0.0F && scalars.beta != 1.0F) {
    throw ParamError("beta", "must be 0 or 1 for int8, found " + compact(scalars.beta));
  }
}

/// Rows of whole scales, and rows of nvfp4 that start on a byte.
void require_whole_scales(const GemmShape& shape) {
  constexpr std::int64_t kStep = 32;
  if (shape.k % kStep != 0) {
    throw ParamError(
        "k", "must be a multiple of 32 for block-scaled types, found " + std::to_string(shape.k));
  }
}

std::string inputs_of(ElementType type) {
  if (is_integer(type)) {
    return std::string(kIntegerInputDistribution);
  }
  return std::string(kInputDistribution) +
         (scale_interval(type) != 0 ? ", in bf16, times 1 to 1/8 for each scale, then quantised"
                                    : "");
}

}  // namespace

double operand_bytes(ElementType operand) {
  constexpr double kBitsPerByte = 8;
  const int interval = scale_interval(operand);
  return element_bits(operand) / kBitsPerByte + (interval == 0 ? 0.0 : 1.0 / interval);
}

ElementType result_type_of(ElementType operand) {
  return facts(operand).result;
}

GemmProblem::GemmProblem(ElementType type, GemmShape shape, GemmScalars scalars)
    : type_(type), result_type_(result_type_of(type)), shape_(shape), scalars_(scalars) {
  require_extent("m", shape.m);
  require_extent("n", shape.n);
  require_extent("k", shape.k);
  require_finite("alpha", scalars.alpha);
  require_finite("beta", scalars.beta);
  if (is_integer(type)) {
    require_exact(shape, scalars);
  }
  if (scale_interval(type) != 0) {
    require_whole_scales(shape);
  }
}

std::string_view GemmProblem::peak() const {
  return facts(type_).peak;
}

std::int64_t GemmProblem::leading_dimension() const {
  const std::int64_t step = kRowAlignmentBytes * 8 / element_bits(type_);
  return (shape_.k + step - 1) / step * step;
}

std::string GemmProblem::name() const {
  std::string name = "gemm/" + std::string(to_string(type_)) + "/m" + std::to_string(shape_.m) +
                     "n" + std::to_string(shape_.n) + "k" + std::to_string(shape_.k);
  if (scalars_.alpha != 1.0F) {
    name += "/alpha" + compact(scalars_.alpha);
  }
  if (has_c()) {
    name += "/beta" + compact(scalars_.beta);
  }
  return name;
}

ParamMap GemmProblem::params() const {
  return {{"type", std::string(to_string(type_))},
          {"result_type", std::string(to_string(result_type_))},
          {"m", shape_.m},
          {"n", shape_.n},
          {"k", shape_.k},
          {"alpha", static_cast<double>(scalars_.alpha)},
          {"beta", static_cast<double>(scalars_.beta)},
          {"layout", std::string("A row-major MxK, B K-major NxK, C and D row-major")},
          {"inputs", inputs_of(type_)}};
}

Work GemmProblem::work() const {
  const double m = as_double(shape_.m);
  const double n = as_double(shape_.n);
  const double k = as_double(shape_.k);
  const double result_matrices = has_c() ? 2 : 1;
  return {.flops = 2 * m * n * k,
          .bytes = (m * k + n * k) * operand_bytes(type_) +
                   result_matrices * m * n * element_bytes(result_type_)};
}

std::uint64_t GemmProblem::footprint_bytes() const {
  const std::int64_t operands = (shape_.m + shape_.n) * leading_dimension();
  const std::int64_t results = shape_.m * shape_.n * (has_c() ? 2 : 1);
  const std::int64_t scales =
      scale_bytes(type_, shape_.m, shape_.k) + scale_bytes(type_, shape_.n, shape_.k);
  return static_cast<std::uint64_t>(operands) * element_bits(type_) / 8 +
         static_cast<std::uint64_t>(scales) +
         static_cast<std::uint64_t>(results) * element_bytes(result_type_);
}

}  // namespace rackproof::kernels::gemm

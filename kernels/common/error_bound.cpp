#include "kernels/common/error_bound.hpp"

#include <algorithm>
#include <cmath>

namespace rackproof::kernels {

namespace {

/// A tensor core adds `group` products and the accumulator at once, each cut at 24 fraction bits,
/// and truncates the sum to fp32.
double tensor_steps(std::int64_t k, std::int64_t group) {
  const double step = static_cast<double>(group + 1) * 0x1p-24 + 0x1p-23;
  return step * static_cast<double>((k + group - 1) / group);
}

double relative_error(Accumulation accumulation, std::int64_t k) {
  switch (accumulation) {
    case Accumulation::tensor_fp32:
      return tensor_steps(k, 8);
    case Accumulation::tensor_tf32:
      return tensor_steps(k, 4);
    case Accumulation::fma_fp32:
      return 0x1p-24 * static_cast<double>(k);
    case Accumulation::fma_fp64:
      return 0x1p-53 * static_cast<double>(k);
    case Accumulation::exact:
      break;
  }
  return 0;
}

}  // namespace

double dot_error_bound(Accumulation accumulation, std::int64_t k, double largest_partial) {
  return relative_error(accumulation, k) * largest_partial;
}

double short_sum_error_bound(const ShortSums& sums, std::int64_t k, const DotSize& size) {
  constexpr double kUnit = 0x1p-13;
  constexpr double kExponent = 32;
  const std::int64_t interval = sums.interval == 0 ? k : std::min(k, sums.interval);
  const auto n = static_cast<double>((k + interval - 1) / interval);
  const auto m = static_cast<double>((interval + sums.step - 1) / sums.step);
  const auto sigmas = [](double count) { return std::min(kPartialSumSigmas, std::sqrt(count)); };
  const double largest =
      std::min(static_cast<double>(interval) * size.largest_product, size.largest_partial);
  const double spread =
      size.deviation * size.deviation * (1 + 2 * std::sqrt(kExponent / n) + 2 * kExponent / n);
  const double squares = std::min(n * largest * largest, spread);
  const double units = n * size.largest_product * size.largest_product + squares;
  const double products =
      sigmas(static_cast<double>(k)) * std::sqrt(static_cast<double>(sums.step) * m * units);
  const double carried = 2 * m * sigmas(n) * std::sqrt(squares);
  return kUnit * (products + carried) + n * 0x1p-24 * size.largest_partial;
}

double rounding_bound(ElementType type, double value) {
  return std::max(unit_roundoff(type) * std::fabs(value), subnormal_roundoff(type));
}

}  // namespace rackproof::kernels

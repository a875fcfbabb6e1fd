#include "kernels/common/error_bound.hpp"

#include <algorithm>
#include <cmath>

namespace rackproof::kernels {

double dot_error_bound(Accumulation accumulation, std::int64_t k, double largest_partial) {
  constexpr std::int64_t kProductsPerStep = 8;
  constexpr double kTensorStep = 9 * 0x1p-24 + 0x1p-23;
  constexpr double kFmaStep = 0x1p-24;
  const double steps =
      accumulation == Accumulation::tensor_fp32
          ? kTensorStep * static_cast<double>((k + kProductsPerStep - 1) / kProductsPerStep)
          : kFmaStep * static_cast<double>(k);
  return steps * largest_partial;
}

double rounding_bound(ElementType type, double value) {
  return std::max(unit_roundoff(type) * std::fabs(value), subnormal_roundoff(type));
}

}  // namespace rackproof::kernels

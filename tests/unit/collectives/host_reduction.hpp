#pragma once
/// Reductions as hardware does them, written from the formats' definitions: rounding to nearest
/// even after every step. Independent of collectives/exact_*.hpp, which it is there to check.

#include "collectives/types.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace rackproof::collectives::test {

/// Nearest value with `significant_bits` bits, ties to even. Exponent range is not modelled: the
/// values of these tests are integers below 2^40, far inside the range of float32 and bfloat16.
inline double round_to_bits(double value, int significant_bits) {
  if (value == 0) {
    return 0;
  }
  int exponent = 0;
  std::frexp(value, &exponent);
  const double quantum = std::ldexp(1.0, exponent - significant_bits);
  return std::nearbyint(value / quantum) * quantum;
}

inline double round_to(DataType type, double value) {
  switch (type) {
    case DataType::float32:
      return round_to_bits(value, 24);
    case DataType::bfloat16:
      return round_to_bits(value, 8);
    case DataType::int32: {
      // Two's complement wrap.
      const auto bits = static_cast<std::uint32_t>(static_cast<std::int64_t>(value));
      return static_cast<std::int32_t>(bits);
    }
  }
  return value;
}

inline double combine(DataType type, ReduceOp op, double a, double b) {
  switch (op) {
    case ReduceOp::sum:
      return round_to(type, a + b);
    case ReduceOp::min:
      return std::min(a, b);
    case ReduceOp::max:
      return std::max(a, b);
  }
  return a;
}

/// One after the other, in the given order.
inline double reduce_chain(DataType type, ReduceOp op, const std::vector<double>& values) {
  return std::accumulate(values.begin() + 1, values.end(), values.front(),
                         [type, op](double a, double b) { return combine(type, op, a, b); });
}

/// Joins random pairs until one value is left: any bracketing can come out.
template <typename Random>
double reduce_random_tree(DataType type, ReduceOp op, std::vector<double> values, Random& random) {
  while (values.size() > 1) {
    std::shuffle(values.begin(), values.end(), random);
    const double last = values.back();
    values.pop_back();
    values.back() = combine(type, op, values.back(), last);
  }
  return values.front();
}

inline constexpr DataType kAllTypes[] = {DataType::float32, DataType::bfloat16, DataType::int32};
inline constexpr ReduceOp kAllOps[] = {ReduceOp::sum, ReduceOp::min, ReduceOp::max};

}  // namespace rackproof::collectives::test

#include "kernels/attention/attention_reference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rackproof::kernels::attention {
namespace {

/// Four chains hide the latency of the additions; each chain is a plain sum.
double dot(const double* a, const double* b, std::size_t n) {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (std::size_t c = 0; c < 4; ++c) {
      sums[c] += a[i + c] * b[i + c];
    }
  }
  for (; i < n; ++i) {
    sums[0] += a[i] * b[i];
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

ReferenceRow reference_row(std::span<const double> q, std::span<const double> k,
                           std::span<const double> v, std::int64_t visible, double scale) {
  const std::size_t head_dim = q.size();
  const auto keys = static_cast<std::size_t>(visible);
  constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
  ReferenceRow row{.output = std::vector<double>(head_dim),
                   .squares = std::vector<double>(head_dim),
                   .lse = kMinusInfinity,
                   .maximum = kMinusInfinity};
  if (keys == 0) {
    return row;
  }
  std::vector<double> weights(keys);
  for (std::size_t j = 0; j < keys; ++j) {
    weights[j] = scale * dot(q.data(), k.data() + j * head_dim, head_dim);
  }
  row.maximum = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& weight : weights) {
    weight = std::exp(weight - row.maximum);
    sum += weight;
  }
  row.lse = row.maximum + std::log(sum);
  for (std::size_t j = 0; j < keys; ++j) {
    const double p = weights[j] / sum;
    const double* value = v.data() + j * head_dim;
    for (std::size_t d = 0; d < head_dim; ++d) {
      const double term = p * value[d];
      row.output[d] += term;
      row.squares[d] += term * term;
    }
  }
  return row;
}

}  // namespace rackproof::kernels::attention

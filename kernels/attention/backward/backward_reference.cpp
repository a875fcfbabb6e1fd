#include "kernels/attention/backward/backward_reference.hpp"

#include "kernels/attention/attention_reference.hpp"

#include <cmath>
#include <numeric>

namespace rackproof::kernels::attention::backward {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

RowWeights row_weights(std::span<const double> q, std::span<const double> d_o,
                       std::span<const double> k, std::span<const double> v, const KeyRange& keys,
                       double scale, std::span<const double> o) {
  const std::size_t head_dim = q.size();
  const auto row = [&](std::span<const double> array, std::int64_t j) {
    return array.subspan(static_cast<std::size_t>(keys.begin + j) * head_dim, head_dim);
  };
  const std::size_t first = static_cast<std::size_t>(keys.begin) * head_dim;
  RowWeights weights{
      .p = {},
      .dp = {},
      .ds = {},
      .forward = reference_row(q, k.subspan(first), v.subspan(first), keys.size(), scale),
      .delta = 0};
  weights.delta = dot(d_o, o.empty() ? std::span<const double>(weights.forward.output) : o);
  for (std::int64_t j = 0; j < keys.size(); ++j) {
    weights.p.push_back(std::exp(scale * dot(q, row(k, j)) - weights.forward.lse));
    weights.dp.push_back(dot(d_o, row(v, j)));
    weights.ds.push_back(weights.p.back() * (weights.dp.back() - weights.delta));
  }
  return weights;
}

Gradients reference_gradients(std::span<const double> q, std::span<const double> k,
                              std::span<const double> v, std::span<const double> d_o,
                              std::span<const KeyRange> keys, double scale) {
  Gradients gradients{.dq = std::vector<double>(q.size()),
                      .dk = std::vector<double>(k.size()),
                      .dv = std::vector<double>(v.size())};
  const std::size_t head_dim = q.size() / keys.size();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto q_row = q.subspan(i * head_dim, head_dim);
    const auto do_row = d_o.subspan(i * head_dim, head_dim);
    const RowWeights weights = row_weights(q_row, do_row, k, v, keys[i], scale);
    for (std::size_t j = 0; j < weights.p.size(); ++j) {
      const std::size_t key = (static_cast<std::size_t>(keys[i].begin) + j) * head_dim;
      for (std::size_t d = 0; d < head_dim; ++d) {
        gradients.dq[i * head_dim + d] += scale * weights.ds[j] * k[key + d];
        gradients.dk[key + d] += scale * weights.ds[j] * q_row[d];
        gradients.dv[key + d] += weights.p[j] * do_row[d];
      }
    }
  }
  return gradients;
}

}  // namespace rackproof::kernels::attention::backward

#pragma once
/// The gradients of attention from their definition, in float64 and plain arrays; shares no code
/// with the kernels. A test compares them with finite differences of the forward definition.

#include "kernels/attention/attention.hpp"
#include "kernels/attention/attention_reference.hpp"

#include <span>
#include <vector>

namespace rackproof::kernels::attention::backward {

/// What one query row contributes: index 0 is the first visible key.
struct RowWeights {
  std::vector<double> p;   ///< softmax
  std::vector<double> dp;  ///< dO . v_j
  std::vector<double> ds;  ///< p_j (dp_j - delta)
  ReferenceRow forward;    ///< O and lse
  double delta = 0;        ///< dO . O
};

/// `k`, `v`: all rows of the head, q.size() columns; `keys`: those that the row sees; `o`: the row
/// of O that D is formed with; empty: the exact one.
[[nodiscard]] RowWeights row_weights(std::span<const double> q, std::span<const double> d_o,
                                     std::span<const double> k, std::span<const double> v,
                                     const KeyRange& keys, double scale,
                                     std::span<const double> o = {});

/// Gradients of one query head, rows of head_dim columns.
struct Gradients {
  std::vector<double> dq;
  std::vector<double> dk;
  std::vector<double> dv;
};
/// `keys`: of every query row.
[[nodiscard]] Gradients reference_gradients(std::span<const double> q, std::span<const double> k,
                                            std::span<const double> v, std::span<const double> d_o,
                                            std::span<const KeyRange> keys, double scale);

}  // namespace rackproof::kernels::attention::backward

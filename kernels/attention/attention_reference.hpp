#pragma once
/// Attention from its definition, in float64 and plain arrays; shares no code with the kernels.

#include <cstdint>
#include <span>
#include <vector>

namespace rackproof::kernels::attention {

/// One query row of one head, and what its tolerance depends on.
struct ReferenceRow {
  std::vector<double> output;   ///< o[d] = sum_j p_j v_jd with p_j = exp(s_j - lse)
  std::vector<double> squares;  ///< sum_j (p_j v_jd)^2
  double lse = 0;               ///< ln(sum_j exp(s_j)); -infinity if no key is visible
  double maximum = 0;           ///< max_j s_j; -infinity if no key is visible
};

/// Scores s_j = scale * q . k_j over the first `visible` rows of k and v (row-major, q.size()
/// columns), maximum subtracted, then the weighted sum: two passes over the keys.
[[nodiscard]] ReferenceRow reference_row(std::span<const double> q, std::span<const double> k,
                                         std::span<const double> v, std::int64_t visible,
                                         double scale);

}  // namespace rackproof::kernels::attention

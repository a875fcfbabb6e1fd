#pragma once
/// How far a correct kernel may be from the float64 result: derived, element by element.
///
/// Notation: p_j softmax weights, n visible keys, D head_dim, u the unit roundoff of the element
/// type (2^-8 bf16, 2^-11 fp16), T = |q|_1 max|k|, E(k, x) = dot_error_bound(tensor_fp32, k, x),
/// R_d = sqrt(sum_j (p_j v_jd)^2), L = min(sigmas, sqrt(n)).
///
/// Errors of independent signs add as roots: |sum_j e_j| <= L sqrt(sum_j max|e_j|^2), by
/// Hoeffding's inequality while L = sigmas, in the worst case (Cauchy-Schwarz) while L = sqrt(n).
/// Inputs have random signs (kInputDistribution), roundings to nearest have mean zero.
///
/// Relative error of a softmax weight before it is rounded, worst case:
///   eps = scale E(D, T)       accumulation of q . k, whose partial sums never exceed T
///       + scale T 2^-21       scale * log2(e) (3 roundings), multiply-add (2), rescaling (2)
///       + 2^-22               ex2.approx, 2 ulp
/// Output column d before its own rounding, the sum of
///   L u R_d                   every p_j is rounded to the element type before P V
///   E(n, L R_d)               accumulation of P V, whose partial sums do not exceed L R_d
///   L 2 eps / (1 - eps) R_d   perturbed weights, divided by their perturbed sum
///   L sqrt(n) 2^-24 (L R_d + |o_d|) + 2^-22 |o_d|   rescalings of O, sum of weights, division
///   L sqrt(n) s max|v| / l    p_j below the normal range: half a subnormal step s, l = sum_j p_j
///                             relative to the largest; n 2^-126 max|v| / l: ex2 flushes to zero
/// then rounded: u |o_d|, or half a subnormal step.
///
/// lse: eps + L sqrt(n) 2^-24 (sum of the weights) + (n / 32 + 1) 2^-22 (ex2.approx of at most one
/// rescaling for 32 keys) + 2^-22 (1 + |lse - max|) (lg2.approx) + 2^-22 |lse| (back to natural).

#include "kernels/attention/attention.hpp"
#include "kernels/attention/attention_reference.hpp"

#include <cstddef>
#include <string>

namespace rackproof::kernels::attention {

/// What the bounds of one row depend on besides the reference itself.
struct ToleranceInputs {
  ElementType type = ElementType::bf16;
  std::int64_t head_dim = 0;
  std::int64_t visible = 0;  ///< n
  double scale = 1;
  double q_abs_sum = 0;  ///< |q|_1
  double k_max = 0;      ///< max |k| over the visible keys, or more
  double v_max = 0;      ///< max |v| over the visible keys, or more
  double sigmas = 0;     ///< see hoeffding_sigmas
};

/// sqrt(2 ln(2 elements / 1e-9)): the chance that any of `elements` correct elements exceeds its
/// bound is below 1e-9 (Hoeffding's inequality and the union bound).
[[nodiscard]] double hoeffding_sigmas(std::uint64_t elements);

/// Bounds of one row; both are 0 for a row that sees no key, whose result is exact.
class RowTolerance {
 public:
  RowTolerance(const ToleranceInputs& inputs, const ReferenceRow& row);
  /// Bound on |kernel - reference| of output column `d`.
  [[nodiscard]] double output(std::size_t d) const;
  /// Bound on |kernel - reference| of the log-sum-exp.
  [[nodiscard]] double lse() const;

 private:
  const ToleranceInputs& inputs_;
  const ReferenceRow& row_;
  double keys_;          ///< n
  double spread_;        ///< L
  double weight_error_;  ///< eps
  double weights_sum_;   ///< l
};

/// The derivation in one sentence, for Verification::measure.
[[nodiscard]] std::string describe_tolerance(ElementType type);

}  // namespace rackproof::kernels::attention

#pragma once
/// How far correct gradients may be from the float64 result: derived, element by element.
///
/// Notation as in ../attention_tolerance.hpp: u = 2^-8, n keys of a row, D = head_dim,
/// E(k, x) = dot_error_bound(tensor_fp32, k, x), T = |q|_1 max|k|, L = sigmas. Errors of
/// independent signs add as roots, times L (Hoeffding's inequality; inputs have random signs,
/// roundings to nearest have mean zero).
///
/// Of a row i, whose P is 2^(scale S - lse) from the lse that the forward kernel has stored:
///   eps  = scale (E(D, 1) + 2^-21) T + 2^-22          S, the exponent, ex2.approx
///   lam  = eps + L sqrt(n) 2^-24 + (n / 32 + 1) 2^-22 + 2^-22 (1 + ln n + 2 |lse|)   lse
///   rel  = 2 (eps + lam)                              relative error of P, before rounding
///   dpe  = E(D, |dO|_1 max|v|)                        dP = dO . v
///   c^2  = u^2 sum_d (dO_d o_d)^2 + (u + 2 eps)^2 sum_j (p_j dp_j)^2
///                                                     D = dO . O: O and the P in it were rounded
///   c   += (D 2^-23 sum_d |dO_d o_d| + E(n, L max|v| sqrt(sum_j p_j^2)) |dO|_1) / L
///                                                     sums of D and O; the worst case, hence / L
/// An element is a sum of weights times inputs; each weight carries
///   P^T dO    (u + rel) p
///   dS^T Q    sqrt((u ds)^2 + (p c)^2) + rel |ds| + p dpe
///   dS K      u |ds| + rel |ds| + p dpe; c and rel are the row's own, common to its terms:
///             + c L |sum_j p_j k_jd| + rel |sum_j ds_j k_jd|
/// and with R = L / u sqrt(sum (error input)^2) + |sum|, which no partial sum exceeds:
///   E(terms, R) + (terms / 64 + 1) 2^-23 R            matrix units; fp32 sums of tiles
/// then times scale, and rounded: u |x|.

#include "kernels/common/element_type.hpp"

#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdint>
#include <string>

namespace rackproof::kernels::attention::backward {

/// What is the same for all rows of a key/value head.
struct ErrorModel {
  double scale = 1;
  double head_dim = 0;
  double sigmas = 0;      ///< L
  double roundoff = 0;    ///< u
  double dot_error = 0;   ///< E(D, 1)
  double term_error = 0;  ///< E(k, 1) / k for long sums
  double k_max = 0;
  double v_max = 0;
};
[[nodiscard]] ErrorModel error_model(ElementType type, std::int64_t head_dim, double scale,
                                     double sigmas, double k_max, double v_max);

/// Sums over a row that its errors depend on.
struct RowFacts {
  double keys = 0;
  double lse = 0;
  double q_abs_sum = 0;
  double do_abs_sum = 0;
  double p_squares = 0;     ///< sum_j p_j^2
  double p_dp_squares = 0;  ///< sum_j (p_j dp_j)^2
  double do_o_squares = 0;  ///< sum_d (dO_d o_d)^2
  double do_o_abs_sum = 0;
};

struct RowErrors {
  double relative = 0;  ///< rel
  double dp = 0;        ///< dpe
  double delta = 0;     ///< c
};

/// Used by the verifier on the host and by the oracle on the device.
__host__ __device__ inline RowErrors row_errors(const ErrorModel& model, const RowFacts& row) {
  const double eps =
      model.scale * (model.dot_error + 0x1p-21) * row.q_abs_sum * model.k_max + 0x1p-22;
  const double lse_error = eps + model.sigmas * sqrt(row.keys) * 0x1p-24 +
                           (row.keys / 32 + 1) * 0x1p-22 +
                           0x1p-22 * (1 + log(row.keys) + 2 * fabs(row.lse));
  const double weights = model.roundoff + 2 * eps;
  const double worst = model.head_dim * 0x1p-23 * row.do_o_abs_sum +
                       (row.keys + 8) * model.term_error * model.sigmas * model.v_max *
                           sqrt(row.p_squares) * row.do_abs_sum;
  return {.relative = 2 * (eps + lse_error),
          .dp = model.dot_error * row.do_abs_sum * model.v_max,
          .delta = sqrt(model.roundoff * model.roundoff * row.do_o_squares +
                        weights * weights * row.p_dp_squares) +
                   worst / model.sigmas};
}

/// Error of one weight of each sum.
__host__ __device__ inline double dv_weight_error(const ErrorModel& model, const RowErrors& row,
                                                  double p) {
  return (model.roundoff + row.relative) * p;
}
__host__ __device__ inline double dk_weight_error(const ErrorModel& model, const RowErrors& row,
                                                  double p, double ds) {
  const double rounding = model.roundoff * ds;
  const double delta = p * row.delta;
  return sqrt(rounding * rounding + delta * delta) + row.relative * fabs(ds) + p * row.dp;
}
__host__ __device__ inline double dq_weight_error(const ErrorModel& model, const RowErrors& row,
                                                  double p, double ds) {
  return (model.roundoff + row.relative) * fabs(ds) + p * row.dp;
}

/// One element: its unscaled sum, sum (weight error * input)^2, and how many terms it has.
struct ElementSums {
  double value = 0;
  double squares = 0;
  double terms = 0;
  double common = 0;  ///< of dQ: what the whole row shares, absolute
};
/// Bound on |kernel - reference| where the reference is factor * sums.value.
[[nodiscard]] double element_tolerance(const ErrorModel& model, const ElementSums& sums,
                                       double factor);

/// The derivation in one sentence, for Verification::measure.
[[nodiscard]] std::string describe_backward_tolerance();

}  // namespace rackproof::kernels::attention::backward

#pragma once
/// How far correct gradients may be from the float64 result: derived, element by element.
///
/// Notation as in ../attention_tolerance.hpp: u the unit roundoff and s half a subnormal step of
/// the element type, n keys of a row, D = head_dim, E(k, x) = dot_error_bound(tensor_fp32, k, x), T
/// = |q|_1 max|k|, L = sigmas. Errors of independent signs add as roots, times L (Hoeffding's
/// inequality; inputs have random signs, roundings to nearest have mean zero).
///
/// Of a row i, whose P is 2^(scale S - lse) from the lse that the forward kernel has stored:
///   eps  = scale (E(D, 1) + 2^-21) T + 2^-22          S, the exponent, ex2.approx
///   lam  = eps + L sqrt(n) 2^-24 + (n / 32 + 1) 2^-22 + 2^-22 (1 + ln n + 2 |lse|)   lse
///   rel  = 2 (eps + lam)                              relative error of P, before rounding
///   dpe  = E(D, |dO|_1 max|v|)                        dP = dO . v
///   c    = D 2^-23 sum_d |dO_d o_d|                   D = dO . O, with O as it was stored: O is an
///                                                     input, its own rounding is no error of D
/// An element is a sum of weights times inputs; each weight carries
///   P^T dO         (u + rel) p + s
///   dS^T Q, dS K   (u + rel) |ds| + p (dpe + c) + s
/// c and rel are common to the terms of a row of dQ:
///             + c |sum_j p_j k_jd| + rel |sum_j ds_j k_jd|
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
  double sigmas = 0;     ///< L
  double roundoff = 0;   ///< u
  double subnormal = 0;  ///< s
  ElementType type = ElementType::bf16;
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
  double do_o_abs_sum = 0;  ///< sum_d |dO_d o_d|
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
  return {.relative = 2 * (eps + lse_error),
          .dp = model.dot_error * row.do_abs_sum * model.v_max,
          .delta = model.head_dim * 0x1p-23 * row.do_o_abs_sum};
}

/// Error of one weight of P^T dO; of dS^T Q and dS K.
__host__ __device__ inline double p_weight_error(const ErrorModel& model, const RowErrors& row,
                                                 double p) {
  return (model.roundoff + row.relative) * p + model.subnormal;
}
__host__ __device__ inline double ds_weight_error(const ErrorModel& model, const RowErrors& row,
                                                  double p, double ds) {
  return (model.roundoff + row.relative) * fabs(ds) + p * (row.dp + row.delta) + model.subnormal;
}

/// One element: its unscaled sum, sum (weight error * input)^2, and how many terms it has.
struct ElementSums {
  double value = 0;
  double squares = 0;
  double terms = 0;
  double common = 0;  ///< of dQ: what the whole row shares, absolute
};
/// Bound on |kernel - reference| where the reference is factor * sums.value.
struct ElementTolerance {
  double weights = 0;   ///< L times the root of the squared errors of the weights
  double sums = 0;      ///< of adding up, and what a row has in common
  double rounding = 0;  ///< of the result
  [[nodiscard]] double total() const { return weights + sums + rounding; }
};
[[nodiscard]] ElementTolerance element_tolerance(const ErrorModel& model, const ElementSums& sums,
                                                 double factor);

/// The derivation in one sentence, for Verification::measure.
[[nodiscard]] std::string describe_backward_tolerance();

}  // namespace rackproof::kernels::attention::backward

#include "kernels/attention/attention_tolerance.hpp"

#include "kernels/common/error_bound.hpp"

#include <algorithm>
#include <cmath>

namespace rackproof::kernels::attention {

double hoeffding_sigmas(std::uint64_t elements) {
  constexpr double kChanceOfFalseAlarm = 1e-9;
  return std::sqrt(2 * std::log(2 * static_cast<double>(elements) / kChanceOfFalseAlarm));
}

RowTolerance::RowTolerance(const ToleranceInputs& inputs, const ReferenceRow& row)
    : inputs_(inputs),
      row_(row),
      keys_(static_cast<double>(inputs.visible)),
      spread_(std::min(inputs.sigmas, std::sqrt(keys_))),
      weight_error_(0),
      weights_sum_(std::exp(row.lse - row.maximum)) {
  const double largest_score = inputs.q_abs_sum * inputs.k_max;
  weight_error_ =
      inputs.scale * (dot_error_bound(Accumulation::tensor_fp32, inputs.head_dim, largest_score) +
                      0x1p-21 * largest_score) +
      0x1p-22;
}

double RowTolerance::output(std::size_t d) const {
  if (inputs_.visible == 0) {
    return 0;
  }
  const double exact = std::fabs(row_.output[d]);
  const double root = spread_ * std::sqrt(row_.squares[d]);
  const double summed_roundings = spread_ * std::sqrt(keys_);
  const double before_rounding =
      unit_roundoff(inputs_.type) * root +
      dot_error_bound(Accumulation::tensor_fp32, inputs_.visible, root) +
      2 * weight_error_ / (1 - weight_error_) * root + summed_roundings * 0x1p-24 * (root + exact) +
      0x1p-22 * exact +
      (summed_roundings * subnormal_roundoff(inputs_.type) + keys_ * 0x1p-126) * inputs_.v_max /
          weights_sum_;
  return before_rounding + rounding_bound(inputs_.type, exact + before_rounding);
}

double RowTolerance::lse() const {
  if (inputs_.visible == 0) {
    return 0;
  }
  constexpr double kKeysPerRescaling = 32;
  return weight_error_ + spread_ * std::sqrt(keys_) * 0x1p-24 +
         (keys_ / kKeysPerRescaling + 1) * 0x1p-22 +
         0x1p-22 * (1 + std::fabs(row_.lse - row_.maximum) + std::fabs(row_.lse));
}

std::string describe_tolerance(ElementType type) {
  return "largest |actual - float64 reference| / bound over O and lse; bound of each element: P "
         "and O rounded to " +
         std::string(to_string(type)) +
         ", fp32 accumulation of Q K^T and P V, ex2.approx, independent errors added as roots "
         "with a chance of false alarm below 1e-9 (kernels/attention/attention_tolerance.hpp)";
}

}  // namespace rackproof::kernels::attention

#include "kernels/attention/backward/backward_tolerance.hpp"

#include "kernels/common/error_bound.hpp"

namespace rackproof::kernels::attention::backward {

ErrorModel error_model(ElementType type, std::int64_t head_dim, double scale, double sigmas,
                       double k_max, double v_max) {
  constexpr std::int64_t kLong = 1 << 20;
  return {.scale = scale,
          .head_dim = static_cast<double>(head_dim),
          .sigmas = sigmas,
          .roundoff = unit_roundoff(type),
          .subnormal = subnormal_roundoff(type),
          .type = type,
          .dot_error = dot_error_bound(Accumulation::tensor_fp32, head_dim, 1),
          .term_error =
              dot_error_bound(Accumulation::tensor_fp32, kLong, 1) / static_cast<double>(kLong),
          .k_max = k_max,
          .v_max = v_max};
}

ElementTolerance element_tolerance(const ErrorModel& model, const ElementSums& sums,
                                   double factor) {
  const double spread = model.sigmas * std::sqrt(sums.squares);
  const double partial = spread / model.roundoff + std::fabs(sums.value);
  ElementTolerance tolerance{
      .weights = factor * spread,
      .sums = factor * (sums.common + (sums.terms + 8) * model.term_error * partial +
                        (sums.terms / 64 + 1) * 0x1p-23 * partial),
      .rounding = 0};
  tolerance.rounding = rounding_bound(
      model.type, std::fabs(factor * sums.value) + tolerance.weights + tolerance.sums);
  return tolerance;
}

std::string describe_backward_tolerance() {
  return "largest |actual - float64 reference| / bound over dQ, dK and dV; bound of each element: "
         "P, dS and the gradients rounded to the element type, fp32 accumulation of all five "
         "products, ex2.approx, the stored lse; independent errors added as roots with a chance of "
         "false alarm below 1e-9 (kernels/attention/backward/backward_tolerance.hpp)";
}

}  // namespace rackproof::kernels::attention::backward

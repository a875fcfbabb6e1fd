#pragma once
/// A-priori error bounds of the arithmetic that the kernels use, for derived tolerances.

#include "kernels/common/element_type.hpp"

#include <cstdint>

namespace rackproof::kernels {

/// How a dot product is accumulated.
enum class Accumulation : std::uint8_t {
  tensor_fp32,  ///< mma.sync / wgmma / tcgen05 with fp32 accumulators
  tensor_tf32,  ///< the same for tf32 operands
  fma_fp32,     ///< chain of fp32 fused multiply-adds, rounded to nearest
  fma_fp64,     ///< the same in fp64
  exact,        ///< integers in range
};

/// Bound on |computed - exact| of a length-`k` dot product whose partial sums and single products
/// never exceed `largest_partial` in magnitude, in any order of summation.
///
/// tensor_fp32: the units sum groups of at least 8 products and the accumulator at once; each of
/// the 9 terms is truncated at 24 fraction bits below the largest exponent and the result is
/// truncated to fp32 (microsoft/MMA-Sim and arXiv 2511.10909 for sm_80, the coarsest unit in the
/// list): at most (9 * 2^-24 + 2^-23) * largest_partial for each 8 products.
/// tensor_tf32: the same for groups of 4 (same sources, same unit): (5 * 2^-24 + 2^-23) for each 4.
/// fma_fp32: one rounding to nearest, 2^-24 * largest_partial, for each product; fma_fp64: 2^-53.
[[nodiscard]] double dot_error_bound(Accumulation accumulation, std::int64_t k,
                                     double largest_partial);

/// Bound that no partial sum of sum_i x_i y_i exceeds, where the x_i have random signs:
/// kPartialSumSigmas * sqrt(sum_i x_i^2 y_i^2). Hoeffding's inequality with Levy's maximal
/// inequality gives a chance below 4 exp(-kPartialSumSigmas^2 / 2) = 5e-14 for each dot product.
inline constexpr double kPartialSumSigmas = 8.0;

/// Bound on rounding `value` once to `type` (to nearest, subnormals included).
[[nodiscard]] double rounding_bound(ElementType type, double value);

}  // namespace rackproof::kernels

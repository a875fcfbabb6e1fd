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

/// Sizes of two vectors that bound what their dot product can be off by.
struct DotSize {
  double largest_partial = 0;  ///< no partial sum exceeds it
  double deviation = 0;        ///< |x|_2 max|y|: of the sum, if the x_i have random signs
  double largest_product = 0;  ///< max|x| max|y|
};

/// fp8 units whose sums have 13 fraction bits (MMA-Sim, arXiv 2511.10909): mma.sync of sm_89, which
/// adds 16 products at a time, and wgmma, which adds 32.
struct ShortSums {
  std::int64_t step = 0;      ///< products added at once; 0: the sums are not short
  std::int64_t interval = 0;  ///< products after which a sum moves to fp32; 0: it never does
};

/// Bound on |computed - exact| of a length-`k` dot product in short sums. With X the largest
/// product, n intervals of m steps and C the partial sum of an interval, a step truncates its
/// products and C at 2^-13 max(X, |C|) and cuts its result at 2^-13 |C|:
///   errors of the products   random signs, the root of their squares times kPartialSumSigmas
///   errors of C              2 m 2^-13 |C| with the sign of C; intervals have random signs
/// The sum V of C^2 over the intervals is at most n largest_partial^2 and n (interval X)^2, and
/// deviation^2 (1 + 2 sqrt(x/n) + 2 x/n) but with chance exp(-x), x = 32 (Laurent and Massart 2000,
/// lemma 1). Moving to fp32 rounds n times.
[[nodiscard]] double short_sum_error_bound(const ShortSums& sums, std::int64_t k,
                                           const DotSize& size);

/// Bound on rounding `value` once to `type` (to nearest, subnormals included).
[[nodiscard]] double rounding_bound(ElementType type, double value);

}  // namespace rackproof::kernels

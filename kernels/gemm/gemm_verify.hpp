#pragma once
/// Compares a GEMM result with the float64 reference under a derived bound.

#include "kernels/common/error_bound.hpp"
#include "kernels/gemm/gemm.hpp"

#include <functional>
#include <span>

namespace rackproof::kernels::gemm {

/// Reads rows [first, first + count) of a matrix as dense fp32 values: from device memory in a
/// workload, from arrays in tests. Large matrices never have to be in host memory as a whole.
using RowReader = std::function<void(std::int64_t first, std::int64_t count, std::span<float>)>;

struct GemmData {
  RowReader a;
  RowReader b;  ///< N rows of K
  RowReader c;  ///< not called if beta is 0
  RowReader d;
};

/// How much of the output is compared element by element.
struct VerifyLimits {
  /// All elements up to this many multiply-adds (about 1 s on one core).
  double exhaustive_multiply_adds = 0x1p31;
  /// And up to this many fp32 values of A and B in host memory.
  double exhaustive_operand_values = 0x1p28;
};

/// Up to the limits every element is compared. Beyond them one element of every 128 x 128 tile is
/// (all positions in an MMA fragment occur), and random signed sums over column blocks of every row
/// are (Freivalds 1977); a block whose sum is off is then compared element by element, so that a
/// wrong element anywhere is found and named. NaN and infinity are wrong.
///
/// Bound of one element, d = alpha * s + beta * c: alpha times dot_error_bound() with the largest
/// partial sum that random signs allow, plus fp32 roundings of the two scalings, plus one rounding
/// to the output type. `max_error` is the largest |actual - expected| / bound; `tolerance` is 1.
[[nodiscard]] Verification verify_gemm(const GemmProblem& problem, const GemmData& data,
                                       const VerifyLimits& limits = {});

/// The bound that verify_gemm uses. `largest_partial` as in dot_error_bound().
[[nodiscard]] double element_bound(const GemmProblem& problem, double largest_partial,
                                   double product, double addend);

}  // namespace rackproof::kernels::gemm

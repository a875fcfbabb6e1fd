#pragma once
/// Compares a GEMM result with the float64 reference under a derived bound.

#include "kernels/common/error_bound.hpp"
#include "kernels/gemm/gemm.hpp"

#include <functional>
#include <span>

namespace rackproof::kernels::gemm {

/// Reads rows [first, first + count) of a matrix as dense numbers, exactly: from device memory in a
/// workload, from arrays in tests. Large matrices never have to be in host memory as a whole.
using RowReader = std::function<void(std::int64_t first, std::int64_t count, std::span<double>)>;

struct GemmData {
  RowReader a;
  RowReader b;  ///< N rows of K
  RowReader c;  ///< not called if beta is 0
  RowReader d;
};

/// How a kernel adds the products of one element.
struct Summation {
  Accumulation accumulation = Accumulation::tensor_fp32;
  int slices = 1;          ///< partial sums, added in the accumulators' type
  ShortSums short_sums{};  ///< of fp8 units
};
/// That of our kernels for `type`.
[[nodiscard]] Accumulation accumulation_of(ElementType type);

/// How much of the output is compared element by element.
struct VerifyLimits {
  /// All elements up to this many multiply-adds (about 1 s on one core).
  double exhaustive_multiply_adds = 0x1p31;
  /// And up to this many values of A and B in host memory (1 GiB).
  double exhaustive_operand_values = 0x1p27;
};

/// Up to the limits every element is compared. Beyond them one element of every 128 x 128 tile is
/// (all positions in an MMA fragment occur), and random signed sums over column blocks of every row
/// are (Freivalds 1977); a block whose sum is off is then compared element by element, so that a
/// wrong element anywhere is found and named. NaN and infinity are wrong.
///
/// Bound of one element, d = alpha * s + beta * c: alpha times dot_error_bound()
/// (short_sum_error_bound() for short sums) with the largest partial sum that random signs allow,
/// one rounding for each slice more than one, the roundings of the two scalings, and one rounding
/// to the result type. fp64: twice the summation, since the reference rounds like the kernel.
/// Integers: 0. `max_error` is the largest |actual - expected| / bound; `tolerance` is 1.
[[nodiscard]] Verification verify_gemm(const GemmProblem& problem, const GemmData& data,
                                       const Summation& summation, const VerifyLimits& limits = {});

/// The bound that verify_gemm uses.
[[nodiscard]] double element_bound(const GemmProblem& problem, const Summation& summation,
                                   const DotSize& size, double product, double addend);

}  // namespace rackproof::kernels::gemm

#pragma once
/// State of one verification: what the exhaustive and the sampled comparison share.

#include "kernels/gemm/gemm_verify.hpp"

#include <vector>

namespace rackproof::kernels::gemm {

/// Sizes of an operand's row that bound its products.
struct RowNorm {
  double euclidean = 0;
  double largest = 0;
};
[[nodiscard]] RowNorm row_norm(std::span<const double> row);

/// Norms of `rows` dense rows.
[[nodiscard]] std::vector<RowNorm> row_norms(std::span<const double> values, std::int64_t rows);

/// Of the dot product of two rows. Its largest partial sum: Cauchy-Schwarz, or with random signs
/// kPartialSumSigmas * |a|_2 * |b|_max, whichever is less.
[[nodiscard]] DotSize dot_size(const RowNorm& a, const RowNorm& b);

/// Rows of a matrix in one allocation.
[[nodiscard]] std::vector<double> read_rows(const RowReader& reader, std::int64_t first,
                                            std::int64_t count, std::int64_t columns);

/// Collects comparisons into a Verification.
class Comparison {
 public:
  Comparison(const GemmProblem& problem, const Summation& summation)
      : problem_(problem), summation_(summation) {}

  /// `product` is the float64 sum, `addend` the element of C (0 if there is none).
  void compare(std::int64_t row, std::int64_t column, double product, const DotSize& size,
               double addend, double actual);
  /// Elements compared so far.
  [[nodiscard]] std::uint64_t checked() const { return checked_; }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }
  [[nodiscard]] Verification finish(std::string measure) const;
  [[nodiscard]] const Summation& summation() const { return summation_; }

 private:
  const GemmProblem& problem_;
  Summation summation_;
  std::uint64_t checked_ = 0;
  std::uint64_t wrong_ = 0;
  double max_error_ = 0;
  std::optional<WrongElement> first_wrong_;
};

/// Compares signed sums over blocks of `block` columns of every row, and every element of a block
/// whose sum is off. (gemm_projection.cpp)
void compare_projections(const GemmProblem& problem, const GemmData& data, std::int64_t block,
                         Comparison& comparison);

}  // namespace rackproof::kernels::gemm

#include "kernels/gemm/gemm_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rackproof::kernels::gemm {

RowNorm row_norm(std::span<const double> row) {
  double squares = 0;
  double largest = 0;
  for (const double value : row) {
    squares += value * value;
    largest = std::max(largest, std::fabs(value));
  }
  return {.euclidean = std::sqrt(squares), .largest = largest};
}

std::vector<RowNorm> row_norms(std::span<const double> values, std::int64_t rows) {
  const std::size_t columns = values.size() / static_cast<std::size_t>(rows);
  std::vector<RowNorm> norms;
  norms.reserve(static_cast<std::size_t>(rows));
  for (std::size_t first = 0; first < values.size(); first += columns) {
    norms.push_back(row_norm(values.subspan(first, columns)));
  }
  return norms;
}

DotSize dot_size(const RowNorm& a, const RowNorm& b) {
  return {.largest_partial = a.euclidean * std::min(b.euclidean, kPartialSumSigmas * b.largest),
          .deviation = a.euclidean * b.largest,
          .largest_product = a.largest * b.largest};
}

std::vector<double> read_rows(const RowReader& reader, std::int64_t first, std::int64_t count,
                              std::int64_t columns) {
  std::vector<double> values(static_cast<std::size_t>(count * columns));
  reader(first, count, values);
  return values;
}

void Comparison::compare(std::int64_t row, std::int64_t column, double product, const DotSize& size,
                         double addend, double actual) {
  const GemmScalars& scalars = problem_.scalars();
  const double expected =
      static_cast<double>(scalars.alpha) * product + static_cast<double>(scalars.beta) * addend;
  const double bound = element_bound(problem_, summation_, size, product, addend);
  const double difference = std::fabs(actual - expected);
  // The bound of integers is 0: equal or wrong.
  const double error = difference == 0 ? 0
                       : std::isfinite(difference) && bound > 0
                           ? difference / bound
                           : std::numeric_limits<double>::max();
  ++checked_;
  max_error_ = std::max(max_error_, error);
  if (error <= 1) {
    return;
  }
  ++wrong_;
  const auto index = static_cast<std::uint64_t>(row * problem_.shape().n + column);
  if (!first_wrong_ || index < first_wrong_->index) {
    first_wrong_ = WrongElement{
        .index = index,
        .coordinate = "row " + std::to_string(row) + ", column " + std::to_string(column),
        .expected = expected,
        .actual = actual};
  }
}

Verification Comparison::finish(std::string measure) const {
  const GemmShape& shape = problem_.shape();
  return {.passed = wrong_ == 0 && checked_ > 0,
          .checked_elements = checked_,
          .total_elements = static_cast<std::uint64_t>(shape.m * shape.n),
          .wrong_elements = wrong_,
          .first_wrong = first_wrong_,
          .max_error = max_error_,
          .tolerance = 1,
          .measure = std::move(measure)};
}

}  // namespace rackproof::kernels::gemm

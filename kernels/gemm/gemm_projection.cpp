#include "kernels/gemm/gemm_comparison.hpp"
#include "kernels/gemm/gemm_reference.hpp"

#include <algorithm>
#include <cmath>

namespace rackproof::kernels::gemm {
namespace {

constexpr std::int64_t kRowBlock = 64;

/// Errors within their bounds exceed this many root-sum-squares of the bounds with a chance below
/// 2 exp(-4.5^2 / 2) = 8e-5 (Hoeffding): a rare recomputation, never a false verdict.
constexpr double kSumSigmas = 4.5;

/// +1 or -1 for each column, fixed and unrelated to the input generator (xorshift64, Marsaglia
/// 2003).
std::vector<double> random_signs(std::int64_t count) {
  std::vector<double> signs(static_cast<std::size_t>(count));
  std::uint64_t state = 0x2545F4914F6CDD1DULL;
  for (double& sign : signs) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    sign = (state >> 40 & 1) != 0 ? 1.0 : -1.0;
  }
  return signs;
}

/// One block of columns: the signed sum of its B rows and what bounds its products.
struct Block {
  std::int64_t first = 0;
  std::int64_t columns = 0;
  std::vector<double> b_sum;
  std::vector<RowNorm> norms;
};

std::vector<Block> project_columns(const GemmShape& shape, const RowReader& read_b,
                                   std::int64_t width, const std::vector<double>& signs) {
  std::vector<Block> blocks;
  for (std::int64_t first = 0; first < shape.n; first += width) {
    Block block{.first = first,
                .columns = std::min(width, shape.n - first),
                .b_sum = std::vector<double>(static_cast<std::size_t>(shape.k)),
                .norms = {}};
    for (std::int64_t column = first; column < first + block.columns; ++column) {
      const std::vector<double> row = read_rows(read_b, column, 1, shape.k);
      const double sign = signs[static_cast<std::size_t>(column)];
      for (std::size_t k = 0; k < row.size(); ++k) {
        block.b_sum[k] += sign * row[k];
      }
      block.norms.push_back(row_norm(row));
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

double dot(std::span<const double> a, const std::vector<double>& b) {
  constexpr std::size_t kLanes = 8;
  double sums[kLanes] = {};
  std::size_t k = 0;
  for (; k + kLanes <= a.size(); k += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += a[k + lane] * b[k + lane];
    }
  }
  double total = 0;
  for (; k < a.size(); ++k) {
    total += a[k] * b[k];
  }
  for (const double sum : sums) {
    total += sum;
  }
  return total;
}

/// One row of the problem in host memory.
struct Row {
  std::int64_t index = 0;
  std::span<const double> a;
  std::span<const double> c;  ///< empty if beta is 0
  std::span<const double> d;
  RowNorm norm;
};

bool sum_is_off(const GemmProblem& problem, const Summation& summation, const Row& row,
                const Block& block, const std::vector<double>& signs) {
  double actual = 0;
  double addend = 0;
  double squared_bounds = 0;
  for (std::int64_t i = 0; i < block.columns; ++i) {
    const auto column = static_cast<std::size_t>(block.first + i);
    const double d = row.d[column];
    const double c = row.c.empty() ? 0 : row.c[column];
    actual += signs[column] * d;
    addend += signs[column] * c;
    // |d| stands for the unknown product: a wrong d inflates the bound by far less than itself.
    const double product = (std::fabs(d) + std::fabs(problem.scalars().beta * c)) /
                           std::max(1e-30, std::fabs(static_cast<double>(problem.scalars().alpha)));
    const double bound =
        element_bound(problem, summation,
                      dot_size(row.norm, block.norms[static_cast<std::size_t>(i)]), product, c);
    squared_bounds += bound * bound;
  }
  const double expected = static_cast<double>(problem.scalars().alpha) * dot(row.a, block.b_sum) +
                          static_cast<double>(problem.scalars().beta) * addend;
  return !std::isfinite(actual) ||
         std::fabs(actual - expected) > kSumSigmas * std::sqrt(squared_bounds);
}

void compare_block(const GemmProblem& problem, const GemmData& data, const Row& row,
                   const Block& block, Comparison& comparison) {
  const std::vector<double> b = read_rows(data.b, block.first, block.columns, problem.shape().k);
  const auto depth = static_cast<std::size_t>(problem.shape().k);
  for (std::int64_t i = 0; i < block.columns; ++i) {
    const auto local = static_cast<std::size_t>(i);
    const auto column = static_cast<std::size_t>(block.first + i);
    comparison.compare(row.index, block.first + i,
                       reference_dot(row.a, std::span(b).subspan(local * depth, depth)),
                       dot_size(row.norm, block.norms[local]), row.c.empty() ? 0.0 : row.c[column],
                       row.d[column]);
  }
}

}  // namespace

void compare_projections(const GemmProblem& problem, const GemmData& data, std::int64_t width,
                         Comparison& comparison) {
  const auto [m, n, k] = problem.shape();
  const std::vector<double> signs = random_signs(n);
  const std::vector<Block> blocks = project_columns(problem.shape(), data.b, width, signs);
  // A result that is wrong everywhere is described well enough by its first rows.
  constexpr std::uint64_t kEnoughWrong = 1'000;
  for (std::int64_t first = 0; first < m && comparison.wrong() < kEnoughWrong; first += kRowBlock) {
    const std::int64_t rows = std::min(kRowBlock, m - first);
    const std::vector<double> a = read_rows(data.a, first, rows, k);
    const std::vector<double> d = read_rows(data.d, first, rows, n);
    const std::vector<double> c =
        problem.has_c() ? read_rows(data.c, first, rows, n) : std::vector<double>{};
    const auto columns = static_cast<std::size_t>(n);
    const auto depth = static_cast<std::size_t>(k);
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
      const auto a_row = std::span(a).subspan(i * depth, depth);
      const Row row{
          .index = first + static_cast<std::int64_t>(i),
          .a = a_row,
          .c = c.empty() ? std::span<const double>{} : std::span(c).subspan(i * columns, columns),
          .d = std::span(d).subspan(i * columns, columns),
          .norm = row_norm(a_row)};
      for (const Block& block : blocks) {
        if (sum_is_off(problem, comparison.summation(), row, block, signs)) {
          compare_block(problem, data, row, block, comparison);
        }
      }
    }
  }
}

}  // namespace rackproof::kernels::gemm

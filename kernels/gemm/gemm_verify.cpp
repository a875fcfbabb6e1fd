#include "kernels/gemm/gemm_verify.hpp"

#include "kernels/gemm/gemm_comparison.hpp"
#include "kernels/gemm/gemm_reference.hpp"

#include <algorithm>
#include <cmath>

namespace rackproof::kernels::gemm {
namespace {

constexpr std::int64_t kTile = 128;         ///< unit of the stratified sample
constexpr std::int64_t kFragmentRows = 16;  ///< an MMA result is 16 x 8: every lane and register
constexpr std::int64_t kFragmentColumns = 8;
constexpr std::int64_t kRowBlock = 64;  ///< rows of A and D in host memory at a time

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

double addend_of(const std::vector<double>& c, std::size_t index) {
  return c.empty() ? 0.0 : c[index];
}

std::vector<double> read_addends(const GemmProblem& problem, const GemmData& data,
                                 std::int64_t first, std::int64_t count) {
  return problem.has_c() ? read_rows(data.c, first, count, problem.shape().n)
                         : std::vector<double>{};
}

void compare_all(const GemmProblem& problem, const GemmData& data, Comparison& comparison) {
  const auto [m, n, k] = problem.shape();
  const std::vector<double> b = read_rows(data.b, 0, n, k);
  const std::vector<RowNorm> b_norms = row_norms(b, n);
  std::vector<double> products;
  for (std::int64_t first = 0; first < m; first += kRowBlock) {
    const std::int64_t rows = std::min(kRowBlock, m - first);
    const std::vector<double> a = read_rows(data.a, first, rows, k);
    const std::vector<double> d = read_rows(data.d, first, rows, n);
    const std::vector<double> c = read_addends(problem, data, first, rows);
    const std::vector<RowNorm> a_norms = row_norms(a, rows);
    products.resize(d.size());
    reference_products(a, b, rows, n, k, products);
    for (std::size_t i = 0; i < products.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i) / n;
      const auto column = static_cast<std::int64_t>(i) % n;
      comparison.compare(first + row, column, products[i],
                         dot_size(a_norms[static_cast<std::size_t>(row)],
                                  b_norms[static_cast<std::size_t>(column)]),
                         addend_of(c, i), d[i]);
    }
  }
}

/// Offsets inside a tile of `extent` elements, so that over `tiles` tiles every residue modulo
/// `period` occurs; `turn` staggers them.
std::vector<std::int64_t> offsets_in_tile(std::int64_t tile, std::int64_t tiles,
                                          std::int64_t extent, std::int64_t period,
                                          std::int64_t turn) {
  const std::int64_t count = std::min(divide_up(period, tiles), extent);
  const std::int64_t fragments = std::max<std::int64_t>(1, extent / period);
  std::vector<std::int64_t> offsets;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t position = tile * count + i + turn;
    constexpr std::int64_t kStride = 37;  // odd: visits every fragment of a power of two
    const std::int64_t fragment = position / period * kStride % fragments;
    offsets.push_back((fragment * period + position % period) % extent);
  }
  return offsets;
}

struct SampledRow {
  std::int64_t row = 0;
  std::int64_t tile = 0;
  std::vector<double> a;
  std::vector<double> c;
  std::vector<double> d;
  RowNorm norm;
};

std::vector<SampledRow> read_sampled_rows(const GemmProblem& problem, const GemmData& data) {
  const auto [m, n, k] = problem.shape();
  const std::int64_t tiles = divide_up(m, kTile);
  std::vector<SampledRow> rows;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t extent = std::min(kTile, m - tile * kTile);
    for (const std::int64_t offset : offsets_in_tile(tile, tiles, extent, kFragmentRows, 0)) {
      const std::int64_t row = tile * kTile + offset;
      rows.push_back({.row = row,
                      .tile = tile,
                      .a = read_rows(data.a, row, 1, k),
                      .c = read_addends(problem, data, row, 1),
                      .d = read_rows(data.d, row, 1, n),
                      .norm = {}});
      rows.back().norm = row_norm(rows.back().a);
    }
  }
  return rows;
}

void compare_sample(const GemmProblem& problem, const GemmData& data, Comparison& comparison) {
  const auto [m, n, k] = problem.shape();
  const std::vector<SampledRow> rows = read_sampled_rows(problem, data);
  const std::int64_t tiles = divide_up(n, kTile);
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t extent = std::min(kTile, n - tile * kTile);
    const std::vector<double> b = read_rows(data.b, tile * kTile, extent, k);
    const auto depth = static_cast<std::size_t>(k);
    for (const SampledRow& sampled : rows) {
      for (const std::int64_t offset :
           offsets_in_tile(tile, tiles, extent, kFragmentColumns, sampled.tile)) {
        const auto column = static_cast<std::size_t>(tile * kTile + offset);
        const auto b_row = std::span(b).subspan(static_cast<std::size_t>(offset) * depth, depth);
        comparison.compare(sampled.row, tile * kTile + offset, reference_dot(sampled.a, b_row),
                           dot_size(sampled.norm, row_norm(b_row)), addend_of(sampled.c, column),
                           sampled.d[column]);
      }
    }
  }
}

/// Narrower blocks see smaller errors and cost more: about rows x K x (columns / block)
/// multiply-adds, kept near 2^32.
std::int64_t projection_block(const GemmShape& shape) {
  constexpr double kMultiplyAdds = 0x1p32;
  const double per_block = static_cast<double>(shape.m) * static_cast<double>(shape.k);
  const double blocks = std::max(1.0, kMultiplyAdds / per_block);
  return std::max(kTile, divide_up(shape.n, static_cast<std::int64_t>(blocks)));
}

/// What the sums are made of; the text for Verification::measure.
std::string describe(const Summation& summation) {
  const std::string slices = summation.slices > 1 ? ", " + std::to_string(summation.slices) +
                                                        " slices added in order, one rounding each"
                                                  : "";
  if (summation.short_sums.step != 0) {
    const std::int64_t interval = summation.short_sums.interval;
    return "accumulation at 13 fraction bits in the fp8 unit, " +
           (interval == 0 ? "all of K" : std::to_string(interval) + " products at a time") +
           (interval == 0 ? "" : ", their sums in fp32") + slices;
  }
  switch (summation.accumulation) {
    case Accumulation::exact:
      return "equal to the integer reference (bound 0: int32 sums are exact)";
    case Accumulation::tensor_fp32:
      return "accumulation in fp32, each 8 products truncated at 24 bits on tensor cores" + slices;
    case Accumulation::tensor_tf32:
      return "accumulation in fp32, each 4 products truncated at 24 bits on tensor cores" + slices;
    case Accumulation::fma_fp32:
      return "accumulation in fp32, each fma rounded" + slices;
    case Accumulation::fma_fp64:
      return "accumulation in fp64, each fma rounded, in the kernel and in the reference" + slices;
  }
  return {};
}

std::string bound_text(const GemmProblem& problem, const Summation& summation) {
  if (summation.accumulation == Accumulation::exact) {
    return describe(summation);
  }
  return "largest |actual - float64 reference| / bound; bound = alpha * (" + describe(summation) +
         ") with partial sums up to 8 sigma of random signs + scaling + one rounding to " +
         std::string(to_string(problem.result_type()));
}

/// Of the accumulators, the scalings and the sums of slices.
ElementType computed_in(Accumulation accumulation) {
  return accumulation == Accumulation::exact      ? ElementType::int32
         : accumulation == Accumulation::fma_fp64 ? ElementType::fp64
                                                  : ElementType::fp32;
}

}  // namespace

Accumulation accumulation_of(ElementType type) {
  switch (type) {
    case ElementType::fp32:
      return Accumulation::fma_fp32;
    case ElementType::tf32:
      return Accumulation::tensor_tf32;
    case ElementType::fp64:
      return Accumulation::fma_fp64;
    case ElementType::int8:
    case ElementType::int32:
      return Accumulation::exact;
    case ElementType::bf16:
    case ElementType::fp16:
    case ElementType::fp8_e4m3:
    case ElementType::fp8_e5m2:
    case ElementType::mxfp8:
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      break;
  }
  return Accumulation::tensor_fp32;
}

double element_bound(const GemmProblem& problem, const Summation& summation, const DotSize& size,
                     double product, double addend) {
  const double alpha = static_cast<double>(problem.scalars().alpha);
  const double beta = static_cast<double>(problem.scalars().beta);
  const double roundoff = unit_roundoff(computed_in(summation.accumulation));
  const double scaled = alpha * product;
  const double added = beta * addend;
  const double reference_rounds = summation.accumulation == Accumulation::fma_fp64 ? 2 : 1;
  const std::int64_t k = problem.shape().k;
  const double dot_error = summation.short_sums.step == 0
                               ? dot_error_bound(summation.accumulation, k, size.largest_partial)
                               : short_sum_error_bound(summation.short_sums, k, size);
  const double sum_error =
      reference_rounds * dot_error + (summation.slices - 1) * roundoff * size.largest_partial;
  const double accumulation = std::fabs(alpha) * sum_error;
  const double scaling = 2 * roundoff * (std::fabs(scaled) + std::fabs(added) + accumulation);
  const double unrounded = std::fabs(scaled + added) + accumulation + scaling;
  return accumulation + scaling + rounding_bound(problem.result_type(), unrounded);
}

Verification verify_gemm(const GemmProblem& problem, const GemmData& data,
                         const Summation& summation, const VerifyLimits& limits) {
  const GemmShape& shape = problem.shape();
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  Comparison comparison(problem, summation);
  const std::string bound = bound_text(problem, summation);
  if (m * n * k <= limits.exhaustive_multiply_adds &&
      (m + n) * k <= limits.exhaustive_operand_values) {
    compare_all(problem, data, comparison);
    return comparison.finish(bound + "; every element compared");
  }
  const std::int64_t block = projection_block(shape);
  compare_projections(problem, data, block, comparison);
  if (comparison.wrong() == 0) {
    compare_sample(problem, data, comparison);
  }
  return comparison.finish(bound +
                           "; one element of every 128 x 128 tile compared, and signed sums over " +
                           std::to_string(block) + " columns of every row");
}

}  // namespace rackproof::kernels::gemm

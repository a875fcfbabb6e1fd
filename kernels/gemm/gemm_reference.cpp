#include "kernels/gemm/gemm_reference.hpp"

#include <algorithm>
#include <array>

namespace rackproof::kernels::gemm {
namespace {

/// Independent partial sums, which the compiler turns into vector registers.
constexpr std::size_t kLanes = 8;

}  // namespace

double reference_dot(std::span<const double> a, std::span<const double> b) {
  std::array<double, kLanes> sums{};
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

void reference_products(std::span<const double> a, std::span<const double> b, std::int64_t rows,
                        std::int64_t columns, std::int64_t k, std::span<double> products) {
  // A block of B rows stays in the host's cache while all rows of A pass by.
  constexpr std::int64_t kColumnBlock = 32;
  const auto depth = static_cast<std::size_t>(k);
  for (std::int64_t first = 0; first < columns; first += kColumnBlock) {
    const std::int64_t last = std::min(columns, first + kColumnBlock);
    for (std::int64_t m = 0; m < rows; ++m) {
      const auto a_row = a.subspan(static_cast<std::size_t>(m) * depth, depth);
      for (std::int64_t n = first; n < last; ++n) {
        products[static_cast<std::size_t>(m * columns + n)] =
            reference_dot(a_row, b.subspan(static_cast<std::size_t>(n) * depth, depth));
      }
    }
  }
}

}  // namespace rackproof::kernels::gemm

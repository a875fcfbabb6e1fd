#pragma once
/// GEMM from its definition in float64, on plain row-major arrays. Shares no code with the kernels.

#include <cstdint>
#include <span>

namespace rackproof::kernels::gemm {

/// sum_k a[k] * b[k]. Products of fp32 (and narrower) values are exact in float64; the sum, and the
/// products of fp64 values, are off by less than k * 2^-53 * sum |a||b|; integers below 2^53 are
/// exact.
[[nodiscard]] double reference_dot(std::span<const double> a, std::span<const double> b);

/// products[m * columns + n] = reference_dot(row m of a, row n of b) for `a` of rows x k and `b` of
/// columns x k, both dense and row-major.
void reference_products(std::span<const double> a, std::span<const double> b, std::int64_t rows,
                        std::int64_t columns, std::int64_t k, std::span<double> products);

}  // namespace rackproof::kernels::gemm

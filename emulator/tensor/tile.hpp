#pragma once
/// The fast path: one row of D against eight columns at a time.

#include "emulator/tensor/dot_product.hpp"

#include <array>
#include <cstdint>

namespace rackproof::emulator::tensor {

inline constexpr int kLanes = 8;
inline constexpr int kMaximumK = 32;

/// Codes split into exponents and signed significands, element by element.
struct DecodedRow {
  alignas(64) std::array<std::int32_t, kMaximumK> exponent;
  alignas(64) std::array<std::int32_t, kMaximumK> significand;
  bool special = false;  ///< Inf or NaN among them: nothing here is valid
};
struct DecodedColumns {
  alignas(64) std::array<std::array<std::int32_t, kLanes>, kMaximumK> exponent;
  alignas(64) std::array<std::array<std::int32_t, kLanes>, kMaximumK> significand;
  std::uint32_t special = 0;  ///< bit n: column n has Inf or NaN
};

void decode_row(const FormatFacts& format, int k, const std::uint32_t* codes, DecodedRow& row);
/// `codes`: kLanes rows of k codes.
void decode_columns(const FormatFacts& format, int k, const std::uint32_t* codes,
                    DecodedColumns& columns);

/// Computes kLanes elements; bit n of the answer says that element n needs dot_product() instead
/// (special values, subnormal or overflowing results) and was left alone.
[[nodiscard]] std::uint32_t multiply_row(const DotModel& model, int product_fraction_bits, int k,
                                         Accumulator accumulator, const DecodedRow& row,
                                         const DecodedColumns& columns, const std::uint32_t* c,
                                         std::uint32_t* d);

}  // namespace rackproof::emulator::tensor

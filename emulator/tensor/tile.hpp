#pragma once
/// The fast path: rows of D against eight columns at a time.

#include "emulator/tensor/dot_product.hpp"

#include <array>
#include <cstdint>

namespace rackproof::emulator::tensor {

inline constexpr int kLanes = 8;
inline constexpr int kMaximumRows = 16;
inline constexpr int kMaximumK = 32;

/// Codes split into exponents and signed significands, element by element.
struct DecodedCodes {
  alignas(64) std::array<std::int32_t, kMaximumRows * kMaximumK> exponent;
  alignas(64) std::array<std::int32_t, kMaximumRows * kMaximumK> significand;
  bool special = false;  ///< Inf or NaN among them
};
/// `count` <= kMaximumRows * kMaximumK.
void decode(const FormatFacts& format, std::size_t count, const std::uint32_t* codes,
            DecodedCodes& decoded);

/// Operands of one tile: at most kMaximumRows rows, exactly kLanes columns.
struct Tile {
  DotModel model;
  Accumulator accumulator = Accumulator::f32;
  int product_fraction_bits = 0;
  std::size_t rows = 0;
  std::size_t k = 0;
  std::size_t stride = 0;           ///< elements between rows of c and d
  const DecodedCodes* a = nullptr;  ///< rows x k
  const DecodedCodes* b = nullptr;  ///< k x kLanes: one step of k is contiguous
};
/// One answer a row; bit n says that element n needs dot_product() instead (Inf or NaN in c, a
/// subnormal or overflowing sum) and was left alone. Where a or b is special nothing is valid.
using RedoMasks = std::array<std::uint32_t, kMaximumRows>;
void multiply_tile(const Tile& tile, const std::uint32_t* c, std::uint32_t* d, RedoMasks& redo);

}  // namespace rackproof::emulator::tensor

#pragma once
/// One element of D: the exact model, and the description of formats that the tile path shares.

#include "emulator/tensor/mma.hpp"

#include <cstdint>
#include <span>

namespace rackproof::emulator::tensor {

/// How codes of a format are read.
struct FormatFacts {
  int ignored_bits = 0;  ///< low bits of the register that carry nothing (tf32)
  int fraction_bits = 0;
  int exponent_bits = 0;
  int bias = 0;
  std::uint32_t first_special = 0;  ///< magnitudes from here on are Inf or NaN
  bool has_infinity = true;         ///< then first_special is Inf, all above NaN
};
[[nodiscard]] const FormatFacts& facts(Format format);
[[nodiscard]] const FormatFacts& facts(Accumulator accumulator);

/// The arithmetic of one kind of matrix unit.
struct DotModel {
  int kept_bits = 25;               ///< F: fraction bits kept below the largest exponent
  int step = 0;                     ///< products in one fused sum; 0: all
  std::uint32_t result_mask = ~0U;  ///< bits of an f32 result that exist
};
/// Throws UnknownArithmetic.
[[nodiscard]] DotModel dot_model(Generation generation, Format format_a, Format format_b,
                                 Accumulator accumulator);

/// A zero operand or addend takes part in the largest exponent with this one.
inline constexpr int kZeroExponent = -126;

/// a . b + c, code by code; every special value is handled.
[[nodiscard]] std::uint32_t dot_product(const DotModel& model, const FormatFacts& format_a,
                                        const FormatFacts& format_b, Accumulator accumulator,
                                        std::span<const std::uint32_t> a,
                                        std::span<const std::uint32_t> b, std::uint32_t c);

}  // namespace rackproof::emulator::tensor

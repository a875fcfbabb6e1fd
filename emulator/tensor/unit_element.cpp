// One element of D by the definition.
#include "emulator/tensor/fused_sum.hpp"
#include "emulator/tensor/unit_tile.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace rackproof::emulator::tensor {
namespace {

std::int64_t integer(std::uint32_t code, bool is_signed) {
  return is_signed ? static_cast<std::int8_t>(code) : static_cast<std::uint8_t>(code);
}

std::uint32_t integer_element(const MatrixUnit& unit, const std::uint32_t* a,
                              const std::uint32_t* b, std::uint32_t c) {
  std::int64_t sum = static_cast<std::int32_t>(c);
  for (std::size_t k = 0; k < unit.k; ++k) {
    if (a[k] != kAbsentElement) {
      sum += integer(a[k], unit.signed_a) * integer(b[k], unit.signed_b);
    }
  }
  if (unit.saturate) {
    sum = std::clamp<std::int64_t>(sum, std::numeric_limits<std::int32_t>::min(),
                                   std::numeric_limits<std::int32_t>::max());
  }
  return static_cast<std::uint32_t>(sum);
}

/// A negated operand has the other sign, whatever its value.
std::uint32_t negated(const FormatFacts& format, std::uint32_t code, bool negate) {
  const int sign_bit = format.fraction_bits + format.exponent_bits + format.ignored_bits;
  return negate ? code ^ (1U << sign_bit) : code;
}

/// e2m1 in halves: 0 to 12.
int halves(std::uint32_t code) {
  constexpr int kMagnitudes[] = {0, 1, 2, 3, 4, 6, 8, 12};
  return (code & 8) != 0 ? -kMagnitudes[code & 7] : kMagnitudes[code & 7];
}

void add_groups(const MatrixUnit& unit, const std::uint32_t* a, const std::uint32_t* b,
                const std::uint8_t* scales_a, const std::uint8_t* scales_b, FusedSum& sum) {
  const std::size_t group = group_elements(unit);
  for (std::size_t first = 0; first < unit.k; first += group) {
    int quarters = 0;
    for (std::size_t k = first; k < first + group; ++k) {
      quarters += a[k] == kAbsentElement ? 0 : halves(a[k]) * halves(b[k]);
    }
    const ScaleFactor x = decode_scale(unit.scale_format, scales_a[first / unit.scale_block]);
    const ScaleFactor y = decode_scale(unit.scale_format, scales_b[first / unit.scale_block]);
    if (x.nan || y.nan) {
      sum.add_nan();
      return;
    }
    // Significands of ue4m3 are eighths.
    constexpr int kFractionBits = 2 + 3 + 3;
    const auto eighths = [](float significand) { return static_cast<int>(significand * 8); };
    const int product = quarters * eighths(x.significand) * eighths(y.significand);
    const bool negative = (product < 0) != (unit.negate_a != unit.negate_b);
    sum.add_term(negative, x.exponent + y.exponent, static_cast<std::uint64_t>(std::abs(product)),
                 kFractionBits);
  }
}

}  // namespace

ScaleFactor decode_scale(ScaleFormat format, std::uint8_t code) {
  if (format == ScaleFormat::ue8m0) {
    return {.exponent = code - 127, .nan = code == 0xff};
  }
  const int magnitude = code & 0x7f;  // bit 7 is ignored
  const int biased = magnitude >> 3;
  const int eighths = (magnitude & 7) + (biased != 0 ? 8 : 0);
  return {.significand = static_cast<float>(eighths) / 8,
          .exponent = magnitude != 0 ? std::max(biased, 1) - 7 : kZeroExponent,
          .nan = magnitude == 0x7f};
}

std::uint32_t multiply_element(const MatrixUnit& unit, const std::uint32_t* a,
                               const std::uint32_t* b, const std::uint8_t* scales_a,
                               const std::uint8_t* scales_b, std::uint32_t c) {
  if (unit.integer()) {
    return integer_element(unit, a, b, c);
  }
  if (unit.kind == UnitKind::wgmma_bits) {
    for (std::size_t k = 0; k < unit.k / 32; ++k) {
      c += static_cast<std::uint32_t>(std::popcount(a[k] & b[k]));
    }
    return c;
  }
  FusedSum sum(unit.accumulator);
  sum.add_addend(c, -unit.input_shift);
  if (sums_groups(unit)) {
    add_groups(unit, a, b, scales_a, scales_b, sum);
    return sum.result(unit_model(unit));
  }
  int exponent = 0;
  if (unit.block_scaled()) {
    const ScaleFactor x = decode_scale(unit.scale_format, scales_a[0]);
    const ScaleFactor y = decode_scale(unit.scale_format, scales_b[0]);
    exponent = x.exponent + y.exponent;
    if (x.nan || y.nan) {
      sum.add_nan();
    }
  }
  const FormatFacts& format_a = facts(unit.format_a);
  const FormatFacts& format_b = facts(unit.format_b);
  for (std::size_t k = 0; k < unit.k; ++k) {
    if (a[k] != kAbsentElement) {
      sum.add_product(format_a, negated(format_a, a[k], unit.negate_a), format_b,
                      negated(format_b, b[k], unit.negate_b), exponent);
    }
  }
  return sum.result(unit_model(unit));
}

}  // namespace rackproof::emulator::tensor

#include "emulator/tensor/fused_sum.hpp"
#include "emulator/tensor/unit_tile.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace rackproof::emulator::tensor {
namespace {

using Role = PreparedOperand::Role;

/// No product of an element that is left out is the largest.
constexpr std::int16_t kAbsentExponent = -16384;
/// Elements this far below the largest of their line vanish in every sum the fast path takes.
constexpr int kSmallestRelativeExponent = -100;

float power_of_two(int exponent) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}

/// Where element k of a line lies in DecodedOperand::values.
struct Places {
  std::size_t line;
  std::size_t k;
};
Places places(Role role, std::size_t k, std::size_t padded) {
  return role == Role::a ? Places{k, 1} : Places{1, padded};
}

/// Codes of a line as integer significands with exponents.
class FusedLine {
 public:
  FusedLine(const FormatFacts& format, bool negate)
      : format_(format),
        flip_(negate ? -1 : 0),
        magnitude_bits_(format.fraction_bits + format.exponent_bits) {}

  void read(const std::uint32_t* codes, std::size_t count) {
    const std::int32_t magnitude_mask = (1 << magnitude_bits_) - 1;
    const std::int32_t hidden = 1 << format_.fraction_bits;
    special_ = false;
    largest_ = kNothing;
    for (std::size_t k = 0; k < count; ++k) {
      if (codes[k] == kAbsentElement) {
        significand_[k] = 0;
        exponent_[k] = kAbsent;
        continue;
      }
      const auto code = static_cast<std::int32_t>(codes[k] >> format_.ignored_bits);
      const std::int32_t magnitude = code & magnitude_mask;
      const std::int32_t biased = magnitude >> format_.fraction_bits;
      const std::int32_t fraction = magnitude & (hidden - 1);
      const std::int32_t significand = biased != 0 ? fraction | hidden : fraction;
      const std::int32_t sign = -((code >> magnitude_bits_) & 1) ^ flip_;
      significand_[k] = (significand ^ sign) - sign;
      exponent_[k] = magnitude != 0 ? std::max(biased, 1) - format_.bias : kZeroExponent;
      largest_ = magnitude != 0 ? std::max(largest_, exponent_[k]) : largest_;
      special_ = special_ || static_cast<std::uint32_t>(magnitude) >= format_.first_special;
    }
  }
  [[nodiscard]] bool special() const { return special_; }
  [[nodiscard]] bool zero() const { return largest_ == kNothing; }
  /// Exponent of the largest element; 0 if all are zeros.
  [[nodiscard]] int scale() const { return zero() ? 0 : largest_; }
  [[nodiscard]] float value(std::size_t k) const {
    const int relative = exponent_[k] - scale();
    return significand_[k] == 0 || relative < kSmallestRelativeExponent
               ? 0.0F
               : static_cast<float>(significand_[k]) *
                     power_of_two(relative - format_.fraction_bits);
  }
  [[nodiscard]] std::int16_t exponent(std::size_t k) const {
    return exponent_[k] == kAbsent ? kAbsentExponent
                                   : static_cast<std::int16_t>(exponent_[k] - scale());
  }

 private:
  static constexpr std::int32_t kAbsent = -1 << 20;
  static constexpr std::int32_t kNothing = -1 << 20;
  const FormatFacts& format_;
  std::int32_t flip_;
  int magnitude_bits_;
  std::array<std::int32_t, 128> significand_;
  std::array<std::int32_t, 128> exponent_;
  std::int32_t largest_ = 0;
  bool special_ = false;
};

void decode_fused(const MatrixUnit& unit, Role role, const OperandCodes& operand,
                  DecodedOperand& out) {
  const bool is_a = role == Role::a;
  const Places step = places(role, unit.k, out.padded_lines);
  out.exponents.assign(out.values.size(), kZeroExponent);
  out.line_exponents.assign(out.padded_lines, 0);
  out.zero_lines.assign(out.padded_lines, -1);
  FusedLine line(facts(is_a ? unit.format_a : unit.format_b), is_a ? unit.negate_a : unit.negate_b);
  for (std::size_t i = 0; i < operand.lines; ++i) {
    line.read(operand.codes.data() + i * unit.k, unit.k);
    for (std::size_t k = 0; k < unit.k; ++k) {
      const std::size_t at = i * step.line + k * step.k;
      out.values[at] = line.value(k);
      out.exponents[at] = line.exponent(k);
    }
    out.line_exponents[i] = line.scale();
    out.zero_lines[i] = line.zero() ? -1 : 0;
    out.unusual_lines[i] = line.special() ? -1 : 0;
    if (unit.block_scaled()) {
      const ScaleFactor scale = decode_scale(unit.scale_format, operand.scales[i]);
      out.line_exponents[i] += scale.exponent;
      out.unusual_lines[i] = scale.nan ? -1 : out.unusual_lines[i];
    }
  }
}

/// Small integers, or e2m1, whose sums are exact in fp32.
void decode_exact(const MatrixUnit& unit, Role role, const OperandCodes& operand,
                  DecodedOperand& out) {
  const bool is_a = role == Role::a;
  const Places step = places(role, unit.k, out.padded_lines);
  const bool is_signed = is_a ? unit.signed_a : unit.signed_b;
  const bool negate = is_a ? unit.negate_a : unit.negate_b;
  constexpr float kE2m1[] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  for (std::size_t i = 0; i < operand.lines; ++i) {
    for (std::size_t k = 0; k < unit.k; ++k) {
      const std::uint32_t code = operand.codes[i * unit.k + k];
      float value = 0;
      if (code == kAbsentElement) {
        value = 0;
      } else if (unit.integer()) {
        value = is_signed ? static_cast<float>(static_cast<std::int8_t>(code))
                          : static_cast<float>(static_cast<std::uint8_t>(code));
      } else {
        value = ((code & 8) != 0) != negate ? -kE2m1[code & 7] : kE2m1[code & 7];
      }
      out.values[i * step.line + k * step.k] = value;
    }
  }
}

void decode_group_scales(const MatrixUnit& unit, Role role, const OperandCodes& operand,
                         DecodedOperand& out) {
  const std::size_t group = group_elements(unit);
  const std::size_t groups = unit.k / group;
  const Places step = places(role, groups, out.padded_lines);
  out.scale_significands.assign(out.padded_lines * groups, 0);
  out.scale_exponents.assign(out.padded_lines * groups, 0);
  for (std::size_t i = 0; i < operand.lines; ++i) {
    for (std::size_t g = 0; g < groups; ++g) {
      const std::uint8_t code = operand.scales[i * unit.scales() + g * group / unit.scale_block];
      const ScaleFactor scale = decode_scale(unit.scale_format, code);
      const std::size_t at = i * step.line + g * step.k;
      out.scale_significands[at] = scale.significand;
      out.scale_exponents[at] = scale.exponent;
      out.unusual_lines[i] = scale.nan ? -1 : out.unusual_lines[i];
    }
  }
}

}  // namespace

PreparedOperand::PreparedOperand(const MatrixUnit& unit, Role role, OperandCodes operand)
    : operand_(std::move(operand)) {
  validate(unit);
  const std::size_t words = unit.kind == UnitKind::wgmma_bits ? unit.k / 32 : unit.k;
  if (operand_.codes.size() != operand_.lines * words ||
      operand_.scales.size() != operand_.lines * unit.scales()) {
    throw std::invalid_argument("the operand has the wrong number of elements or scale factors");
  }
  auto decoded = std::make_shared<DecodedOperand>();
  DecodedOperand& out = *decoded;
  out.lines = operand_.lines;
  out.padded_lines = role == Role::a ? operand_.lines
                                     : (operand_.lines + kUnitLanes - 1) / kUnitLanes * kUnitLanes;
  if (unit.kind != UnitKind::wgmma_bits) {
    out.values.assign(out.padded_lines * unit.k, 0);
    out.unusual_lines.assign(out.padded_lines, 0);
    if (unit.integer()) {
      decode_exact(unit, role, operand_, out);
    } else if (sums_groups(unit)) {
      decode_exact(unit, role, operand_, out);
      decode_group_scales(unit, role, operand_, out);
    } else {
      decode_fused(unit, role, operand_, out);
    }
  }
  decoded_ = std::move(decoded);
}

}  // namespace rackproof::emulator::tensor

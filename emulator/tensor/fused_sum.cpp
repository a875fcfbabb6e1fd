#include "emulator/tensor/fused_sum.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace rackproof::emulator::tensor {
namespace {

constexpr std::uint32_t kNanF32 = 0x7fffffff;
constexpr std::uint32_t kNanF16 = 0x7fff;

std::uint64_t shifted(std::uint64_t value, int left) {
  if (left >= 0) {
    return value << left;
  }
  return left <= -64 ? 0 : value >> -left;
}

std::uint32_t infinity(Accumulator accumulator, bool negative) {
  return accumulator == Accumulator::f32 ? (negative ? 0xff800000U : 0x7f800000U)
                                         : (negative ? 0xfc00U : 0x7c00U);
}

/// magnitude x 2^(exponent - kept_bits) in the accumulator's format.
std::uint32_t rounded(const DotModel& model, Accumulator accumulator, bool negative,
                      std::uint64_t magnitude, int exponent) {
  const FormatFacts& format = facts(accumulator);
  if (magnitude == 0) {
    return 0;
  }
  const auto top = static_cast<int>(std::bit_width(magnitude)) - 1;
  const int smallest = 1 - format.bias;
  const int value_exponent = std::max(exponent - model.kept_bits + top, smallest);
  // Units of the result's last place.
  const int left = exponent - model.kept_bits - (value_exponent - format.fraction_bits);
  std::uint64_t units = shifted(magnitude, left);
  if (accumulator == Accumulator::f16 && left < 0) {
    const int cut = std::min(-left, 63);
    const std::uint64_t rest = magnitude & ((1ULL << cut) - 1);
    const std::uint64_t half = 1ULL << (cut - 1);
    units += rest > half || (rest == half && (units & 1) != 0) ? 1 : 0;
  }
  // A carry out of the significand moves into the exponent field by itself.
  const bool subnormal = (units >> format.fraction_bits) == 0;
  const int biased = subnormal ? 0 : value_exponent + format.bias;
  const std::uint64_t hidden = subnormal ? 0 : 1ULL << format.fraction_bits;
  const std::uint64_t code =
      (static_cast<std::uint64_t>(biased) << format.fraction_bits) + units - hidden;
  if (code >= format.first_special) {
    return infinity(accumulator, negative);
  }
  const auto kept = static_cast<std::uint32_t>(code) & model.result_mask;
  const int sign_bit = format.fraction_bits + format.exponent_bits;
  return kept == 0 ? 0 : kept | (negative ? 1U << sign_bit : 0U);
}

}  // namespace

Number decode_number(const FormatFacts& format, std::uint32_t code) {
  code >>= format.ignored_bits;
  Number number;
  const int magnitude_bits = format.fraction_bits + format.exponent_bits;
  number.negative = ((code >> magnitude_bits) & 1U) != 0;
  const std::uint32_t magnitude = code & ((1U << magnitude_bits) - 1);
  if (magnitude >= format.first_special) {
    const bool infinite = format.has_infinity && magnitude == format.first_special;
    number.kind = infinite ? Number::Kind::infinite : Number::Kind::nan;
    return number;
  }
  if (magnitude != 0) {
    const auto biased = static_cast<int>(magnitude >> format.fraction_bits);
    number.exponent = std::max(biased, 1) - format.bias;
    number.significand = magnitude & ((1U << format.fraction_bits) - 1);
    number.significand |= biased != 0 ? 1ULL << format.fraction_bits : 0;
  }
  return number;
}

std::uint32_t encode_number(Accumulator accumulator, const Number& number, int fraction_bits) {
  if (number.kind == Number::Kind::nan) {
    return accumulator == Accumulator::f32 ? kNanF32 : kNanF16;
  }
  if (number.kind == Number::Kind::infinite) {
    return infinity(accumulator, number.negative);
  }
  return rounded({.kept_bits = fraction_bits}, accumulator, number.negative, number.significand,
                 number.exponent);
}

void FusedSum::add_term(bool negative, int exponent, std::uint64_t significand, int fraction_bits) {
  assert(count_ < kMaximumTerms);
  terms_[count_++] = {negative, exponent, significand, fraction_bits};
}

void FusedSum::add_addend(std::uint32_t code, int exponent) {
  const FormatFacts& format = facts(accumulator_);
  const Number addend = decode_number(format, code);
  nan_ = nan_ || addend.kind == Number::Kind::nan;
  bool& infinite = infinite_[addend.negative ? 1 : 0];
  infinite = infinite || addend.kind == Number::Kind::infinite;
  add_term(addend.negative, addend.exponent + (addend.significand != 0 ? exponent : 0),
           addend.significand, format.fraction_bits);
}

void FusedSum::add_product(const FormatFacts& format_a, std::uint32_t a,
                           const FormatFacts& format_b, std::uint32_t b, int exponent) {
  const Number x = decode_number(format_a, a);
  const Number y = decode_number(format_b, b);
  const bool negative = x.negative != y.negative;
  if (x.kind != Number::Kind::finite || y.kind != Number::Kind::finite) {
    const bool zero = (x.kind == Number::Kind::finite && x.significand == 0) ||
                      (y.kind == Number::Kind::finite && y.significand == 0);
    nan_ = nan_ || zero || x.kind == Number::Kind::nan || y.kind == Number::Kind::nan;
    infinite_[negative ? 1 : 0] = true;
    return;
  }
  add_term(negative, x.exponent + y.exponent + exponent, x.significand * y.significand,
           format_a.fraction_bits + format_b.fraction_bits);
}

std::uint32_t FusedSum::result(const DotModel& model) const {
  if (nan_ || (infinite_[0] && infinite_[1])) {
    return accumulator_ == Accumulator::f32 ? kNanF32 : kNanF16;
  }
  if (infinite_[0] || infinite_[1]) {
    return infinity(accumulator_, infinite_[1]);
  }
  int largest = terms_[0].exponent;
  for (std::size_t i = 1; i < count_; ++i) {
    largest = std::max(largest, terms_[i].exponent);
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Term& term = terms_[i];
    const int left = model.kept_bits - term.fraction_bits - (largest - term.exponent);
    const auto magnitude = static_cast<std::int64_t>(shifted(term.significand, left));
    sum += term.negative ? -magnitude : magnitude;
  }
  const bool negative = sum < 0;
  return rounded(model, accumulator_, negative, static_cast<std::uint64_t>(negative ? -sum : sum),
                 largest);
}

}  // namespace rackproof::emulator::tensor

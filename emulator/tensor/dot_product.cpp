#include "emulator/tensor/dot_product.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace rackproof::emulator::tensor {
namespace {

constexpr FormatFacts kF16{
    .fraction_bits = 10, .exponent_bits = 5, .bias = 15, .first_special = 0x7c00};
constexpr FormatFacts kF32{
    .fraction_bits = 23, .exponent_bits = 8, .bias = 127, .first_special = 0x7f800000};
// e2m3, e3m2 and e2m1 have neither Inf nor NaN.
constexpr std::uint32_t kNoSpecial = 0xffffffffU;
constexpr std::array<FormatFacts, 8> kFormats = {
    kF16, FormatFacts{.fraction_bits = 7, .exponent_bits = 8, .bias = 127, .first_special = 0x7f80},
    FormatFacts{.ignored_bits = 13,
                .fraction_bits = 10,
                .exponent_bits = 8,
                .bias = 127,
                .first_special = 0x3fc00},
    FormatFacts{.fraction_bits = 3,
                .exponent_bits = 4,
                .bias = 7,
                .first_special = 0x7f,
                .has_infinity = false},
    FormatFacts{.fraction_bits = 2, .exponent_bits = 5, .bias = 15, .first_special = 0x7c},
    FormatFacts{.fraction_bits = 3, .exponent_bits = 2, .bias = 1, .first_special = kNoSpecial},
    FormatFacts{.fraction_bits = 2, .exponent_bits = 3, .bias = 3, .first_special = kNoSpecial},
    FormatFacts{.fraction_bits = 1, .exponent_bits = 2, .bias = 1, .first_special = kNoSpecial}};

constexpr std::uint32_t kNanF32 = 0x7fffffff;
constexpr std::uint32_t kNanF16 = 0x7fff;

struct Number {
  enum class Kind : std::uint8_t { finite, infinite, nan } kind = Kind::finite;
  bool negative = false;
  int exponent = kZeroExponent;
  std::uint64_t significand = 0;
};

Number decode(const FormatFacts& format, std::uint32_t code) {
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

/// One addend of the fused sum: significand x 2^(exponent - fraction_bits).
struct Term {
  bool negative = false;
  int exponent = 0;
  std::uint64_t significand = 0;
  int fraction_bits = 0;
};

std::uint64_t shifted(std::uint64_t value, int left) {
  if (left >= 0) {
    return value << left;
  }
  return left <= -64 ? 0 : value >> -left;
}

std::int64_t aligned(const Term& term, int largest, int kept_bits) {
  const int left = kept_bits - term.fraction_bits - (largest - term.exponent);
  const auto magnitude = static_cast<std::int64_t>(shifted(term.significand, left));
  return term.negative ? -magnitude : magnitude;
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

std::uint32_t fused_step(const DotModel& model, const FormatFacts& format_a,
                         const FormatFacts& format_b, Accumulator accumulator,
                         std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                         std::uint32_t c) {
  constexpr std::size_t kMaximumTerms = 33;  // k = 32 and the addend
  std::array<Term, kMaximumTerms> terms;
  const Number addend = decode(facts(accumulator), c);
  bool nan = addend.kind == Number::Kind::nan;
  std::array<bool, 2> infinite{};  // positive, negative
  infinite[addend.negative ? 1 : 0] = addend.kind == Number::Kind::infinite;
  terms[a.size()] = {addend.negative, addend.exponent, addend.significand,
                     facts(accumulator).fraction_bits};
  int largest = addend.exponent;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const Number x = decode(format_a, a[k]);
    const Number y = decode(format_b, b[k]);
    const bool negative = x.negative != y.negative;
    if (x.kind != Number::Kind::finite || y.kind != Number::Kind::finite) {
      const bool zero = (x.kind == Number::Kind::finite && x.significand == 0) ||
                        (y.kind == Number::Kind::finite && y.significand == 0);
      nan = nan || zero || x.kind == Number::Kind::nan || y.kind == Number::Kind::nan;
      infinite[negative ? 1 : 0] = true;
      continue;
    }
    terms[k] = {negative, x.exponent + y.exponent, x.significand * y.significand,
                format_a.fraction_bits + format_b.fraction_bits};
    largest = std::max(largest, terms[k].exponent);
  }
  if (nan || (infinite[0] && infinite[1])) {
    return accumulator == Accumulator::f32 ? kNanF32 : kNanF16;
  }
  if (infinite[0] || infinite[1]) {
    return infinity(accumulator, infinite[1]);
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i <= a.size(); ++i) {
    sum += aligned(terms[i], largest, model.kept_bits);
  }
  const bool negative = sum < 0;
  return rounded(model, accumulator, negative, static_cast<std::uint64_t>(negative ? -sum : sum),
                 largest);
}

}  // namespace

const FormatFacts& facts(Format format) {
  return kFormats[static_cast<std::size_t>(format)];
}

const FormatFacts& facts(Accumulator accumulator) {
  return accumulator == Accumulator::f32 ? kF32 : kF16;
}

DotModel dot_model(Generation generation, Format format_a, Format format_b,
                   Accumulator accumulator) {
  const auto is_fp8 = [](Format format) {
    return format == Format::e4m3 || format == Format::e5m2;
  };
  const bool narrow = format_a > Format::e5m2 || format_b > Format::e5m2;
  if (narrow || is_fp8(format_a) != is_fp8(format_b) ||
      (!is_fp8(format_a) && format_a != format_b)) {
    throw UnknownArithmetic("no matrix instruction multiplies these two formats");
  }
  if (is_fp8(format_a)) {
    if (generation == Generation::rtx_blackwell) {
      return {.kept_bits = 25, .step = 0};
    }
    if (generation != Generation::ada) {
      throw UnknownArithmetic("this generation has no fp8 unit for mma.sync");
    }
    constexpr std::uint32_t kThirteenFractionBits = ~((1U << 10) - 1);
    return {.kept_bits = 13,
            .step = 16,
            .result_mask = accumulator == Accumulator::f32 ? kThirteenFractionBits : ~0U};
  }
  if (generation == Generation::hopper || generation == Generation::rtx_blackwell) {
    return {.kept_bits = 25, .step = 0};
  }
  return {.kept_bits = 24, .step = format_a == Format::tf32 ? 4 : 8};
}

std::uint32_t convert_accumulator(Accumulator from, Accumulator to, std::uint32_t code) {
  const FormatFacts& format = facts(from);
  const Number number = decode(format, code);
  if (number.kind != Number::Kind::finite) {
    return number.kind == Number::Kind::infinite ? infinity(to, number.negative)
           : to == Accumulator::f32              ? kNanF32
                                                 : kNanF16;
  }
  return rounded({.kept_bits = format.fraction_bits}, to, number.negative, number.significand,
                 number.exponent);
}

std::uint32_t dot_product(const DotModel& model, const FormatFacts& format_a,
                          const FormatFacts& format_b, Accumulator accumulator,
                          std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                          std::uint32_t c) {
  const std::size_t step = model.step == 0 ? a.size() : static_cast<std::size_t>(model.step);
  for (std::size_t k = 0; k < a.size(); k += step) {
    const std::size_t count = std::min(step, a.size() - k);
    c = fused_step(model, format_a, format_b, accumulator, a.subspan(k, count), b.subspan(k, count),
                   c);
  }
  return c;
}

}  // namespace rackproof::emulator::tensor

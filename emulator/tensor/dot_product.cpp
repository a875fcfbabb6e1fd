#include "emulator/tensor/dot_product.hpp"

#include "emulator/tensor/fused_sum.hpp"

#include <algorithm>
#include <array>

namespace rackproof::emulator::tensor {
namespace {

constexpr FormatFacts kF16{
    .fraction_bits = 10, .exponent_bits = 5, .bias = 15, .first_special = 0x7c00};
constexpr FormatFacts kF32{
    .fraction_bits = 23, .exponent_bits = 8, .bias = 127, .first_special = 0x7f800000};
// e2m3, e3m2 and e2m1 have neither Inf nor NaN.
constexpr std::uint32_t kNoSpecial = 0xffffffffU;
constexpr std::array<FormatFacts, 8> kFormats = {
    kF16,
    FormatFacts{.fraction_bits = 7, .exponent_bits = 8, .bias = 127, .first_special = 0x7f80},
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
  return encode_number(to, decode_number(format, code), format.fraction_bits);
}

std::uint32_t dot_product(const DotModel& model, const FormatFacts& format_a,
                          const FormatFacts& format_b, Accumulator accumulator,
                          std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                          std::uint32_t c) {
  const std::size_t step = model.step == 0 ? a.size() : static_cast<std::size_t>(model.step);
  for (std::size_t k = 0; k < a.size(); k += step) {
    const std::size_t count = std::min(step, a.size() - k);
    FusedSum sum(accumulator);
    sum.add_addend(c);
    for (std::size_t i = k; i < k + count; ++i) {
      sum.add_product(format_a, a[i], format_b, b[i]);
    }
    c = sum.result(model);
  }
  return c;
}

}  // namespace rackproof::emulator::tensor

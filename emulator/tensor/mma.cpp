#include "emulator/tensor/mma.hpp"

#include "emulator/tensor/dot_product.hpp"
#include "emulator/tensor/tile.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <vector>

namespace rackproof::emulator::tensor {
namespace {

bool is_fp8(Format format) {
  return format == Format::e4m3 || format == Format::e5m2;
}

/// The f16 code of the same value.
constexpr std::uint16_t e4m3_to_f16(std::uint32_t code) {
  const std::uint32_t sign = (code & 0x80) << 8;
  std::uint32_t magnitude = code & 0x7f;
  if (magnitude == 0x7f) {
    return static_cast<std::uint16_t>(sign | 0x7fff);
  }
  if (magnitude == 0) {
    return static_cast<std::uint16_t>(sign);
  }
  // A subnormal of e4m3 is a normal number of f16: bias 15 instead of 7.
  std::uint32_t exponent = 15 - 7;
  if ((magnitude >> 3) == 0) {
    for (exponent += 1; (magnitude & 0x8) == 0; magnitude <<= 1) {
      --exponent;
    }
    magnitude &= 0x7;
  }
  return static_cast<std::uint16_t>(sign | ((exponent << 10) + (magnitude << 7)));
}

constexpr std::array<std::uint16_t, 256> kE4m3ToF16 = [] {
  std::array<std::uint16_t, 256> table{};
  for (std::uint32_t code = 0; code < table.size(); ++code) {
    table[code] = e4m3_to_f16(code);
  }
  return table;
}();

std::uint32_t to_f16(Format format, std::uint32_t code) {
  return format == Format::e5m2 ? code << 8 : kE4m3ToF16[code & 0xff];
}

/// c + sum, rounded to nearest even.
std::uint32_t add_nearest(Accumulator accumulator, std::uint32_t c, std::uint32_t sum) {
  if (accumulator == Accumulator::f32) {
    const float result = std::bit_cast<float>(c) + std::bit_cast<float>(sum);
    return result != result ? 0x7fffffffU : std::bit_cast<std::uint32_t>(result);
  }
  // All sums of two f16 numbers are exact in this many bits; f16 results round to nearest.
  constexpr DotModel kExact{.kept_bits = 45};
  constexpr std::uint32_t kOne = 0x3c00;
  const FormatFacts& f16 = facts(Format::f16);
  return dot_product(kExact, f16, f16, accumulator, {&sum, 1}, {&kOne, 1}, c);
}

/// fp8 on Hopper and Blackwell: see mma.hpp.
void multiply_as_f16(Format format_a, Format format_b, Accumulator accumulator, MmaShape shape,
                     const std::uint32_t* a, const std::uint32_t* b, const std::uint32_t* c,
                     std::uint32_t* d) {
  const auto half_k = static_cast<std::size_t>(shape.k) / 2;
  const auto lines = [half_k](const std::uint32_t* codes, std::size_t count, Format format,
                              std::size_t upper) {
    std::vector<std::uint32_t> result(count * half_k);
    for (std::size_t i = 0; i < result.size(); ++i) {
      const std::size_t k = i % half_k;
      result[i] = to_f16(format, codes[i / half_k * 2 * half_k + k / 2 * 4 + 2 * upper + k % 2]);
    }
    return result;
  };
  const std::size_t elements =
      static_cast<std::size_t>(shape.m) * static_cast<std::size_t>(shape.n);
  std::vector<std::uint32_t> sum(elements, 0);
  for (std::size_t upper = 0; upper < 2; ++upper) {
    const auto part_a = lines(a, static_cast<std::size_t>(shape.m), format_a, upper);
    const auto part_b = lines(b, static_cast<std::size_t>(shape.n), format_b, upper);
    multiply_accumulate(Generation::hopper, Format::f16, accumulator,
                        {shape.m, shape.n, shape.k / 2}, part_a.data(), part_b.data(), sum.data(),
                        sum.data());
  }
  for (std::size_t i = 0; i < elements; ++i) {
    d[i] = add_nearest(accumulator, c[i], sum[i]);
  }
}

}  // namespace

void multiply_accumulate(Generation generation, Format format_a, Format format_b,
                         Accumulator accumulator, MmaShape shape, const std::uint32_t* a,
                         const std::uint32_t* b, const std::uint32_t* c, std::uint32_t* d) {
  if (generation == Generation::hopper && is_fp8(format_a) && is_fp8(format_b) &&
      shape.k % 4 == 0) {
    multiply_as_f16(format_a, format_b, accumulator, shape, a, b, c, d);
    return;
  }
  const DotModel model = dot_model(generation, format_a, format_b, accumulator);
  const FormatFacts& facts_a = facts(format_a);
  const FormatFacts& facts_b = facts(format_b);
  // The sums of multiply_row() hold 16 products of 22 bits or 32 of 8 bits.
  const int largest_k = facts_a.fraction_bits <= 3 ? kMaximumK : kMaximumK / 2;
  if (shape.m < 1 || shape.n < 1 || shape.k < 1 || shape.k > largest_k) {
    throw std::invalid_argument("no matrix instruction has the shape m" + std::to_string(shape.m) +
                                "n" + std::to_string(shape.n) + "k" + std::to_string(shape.k));
  }
  const auto rows = static_cast<std::size_t>(shape.m);
  const auto columns = static_cast<std::size_t>(shape.n);
  const auto depth = static_cast<std::size_t>(shape.k);
  const auto element = [&](std::size_t i, std::size_t j, std::uint32_t addend) {
    return dot_product(model, facts_a, facts_b, accumulator, {a + i * depth, depth},
                       {b + j * depth, depth}, addend);
  };
  const std::size_t whole_columns = columns - columns % kLanes;
  for (std::size_t first_row = 0; first_row < rows; first_row += kMaximumRows) {
    const std::size_t count = std::min<std::size_t>(kMaximumRows, rows - first_row);
    DecodedCodes decoded_a;
    decode(facts_a, count * depth, a + first_row * depth, decoded_a);
    for (std::size_t column = 0; column < whole_columns; column += kLanes) {
      std::array<std::uint32_t, kLanes * kMaximumK> by_step;
      for (std::size_t n = 0; n < kLanes; ++n) {
        for (std::size_t k = 0; k < depth; ++k) {
          by_step[k * kLanes + n] = b[(column + n) * depth + k];
        }
      }
      DecodedCodes decoded_b;
      decode(facts_b, kLanes * depth, by_step.data(), decoded_b);
      const std::size_t corner = first_row * columns + column;
      RedoMasks redo;
      redo.fill((1U << kLanes) - 1);
      std::array<std::uint32_t, kMaximumRows * kLanes> addends;  // d may be c
      for (std::size_t i = 0; i < count; ++i) {
        std::copy_n(c + corner + i * columns, kLanes, addends.data() + i * kLanes);
      }
      if (!decoded_a.special && !decoded_b.special) {
        multiply_tile({.model = model,
                       .accumulator = accumulator,
                       .product_fraction_bits = facts_a.fraction_bits + facts_b.fraction_bits,
                       .rows = count,
                       .k = depth,
                       .stride = columns,
                       .a = &decoded_a,
                       .b = &decoded_b},
                      c + corner, d + corner, redo);
      }
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t n = 0; n < kLanes; ++n) {
          if ((redo[i] >> n & 1U) != 0) {
            d[corner + i * columns + n] =
                element(first_row + i, column + n, addends[i * kLanes + n]);
          }
        }
      }
    }
  }
  for (std::size_t column = whole_columns; column < columns; ++column) {
    for (std::size_t i = 0; i < rows; ++i) {
      d[i * columns + column] = element(i, column, c[i * columns + column]);
    }
  }
}

void multiply_accumulate(Generation generation, Format format, Accumulator accumulator,
                         MmaShape shape, const std::uint32_t* a, const std::uint32_t* b,
                         const std::uint32_t* c, std::uint32_t* d) {
  multiply_accumulate(generation, format, format, accumulator, shape, a, b, c, d);
}

}  // namespace rackproof::emulator::tensor

#include "emulator/tensor/mma.hpp"

#include "emulator/tensor/dot_product.hpp"
#include "emulator/tensor/tile.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace rackproof::emulator::tensor {

void multiply_accumulate(Generation generation, Format format_a, Format format_b,
                         Accumulator accumulator, MmaShape shape, const std::uint32_t* a,
                         const std::uint32_t* b, const std::uint32_t* c, std::uint32_t* d) {
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

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
  std::size_t first = 0;
  for (; first + kLanes <= columns; first += kLanes) {
    DecodedColumns decoded_b;
    decode_columns(facts_b, shape.k, b + first * depth, decoded_b);
    DecodedRow decoded_a;
    for (std::size_t i = 0; i < rows; ++i) {
      decode_row(facts_a, shape.k, a + i * depth, decoded_a);
      std::array<std::uint32_t, kLanes> addends{};
      const std::uint32_t* c_row = c + i * columns + first;
      std::uint32_t* d_row = d + i * columns + first;
      std::copy_n(c_row, kLanes, addends.begin());  // d may be c
      std::uint32_t redo = (1U << kLanes) - 1;
      if (!decoded_a.special) {
        redo = multiply_row(model, facts_a.fraction_bits + facts_b.fraction_bits, shape.k,
                            accumulator, decoded_a, decoded_b, addends.data(), d_row);
      }
      for (std::size_t n = 0; redo != 0; ++n, redo >>= 1) {
        if ((redo & 1U) != 0) {
          d_row[n] = element(i, first + n, addends[n]);
        }
      }
    }
  }
  for (; first < columns; ++first) {
    for (std::size_t i = 0; i < rows; ++i) {
      d[i * columns + first] = element(i, first, c[i * columns + first]);
    }
  }
}

void multiply_accumulate(Generation generation, Format format, Accumulator accumulator,
                         MmaShape shape, const std::uint32_t* a, const std::uint32_t* b,
                         const std::uint32_t* c, std::uint32_t* d) {
  multiply_accumulate(generation, format, format, accumulator, shape, a, b, c, d);
}

}  // namespace rackproof::emulator::tensor

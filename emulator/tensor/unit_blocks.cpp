// The loops of unit_tile.cpp, written once with the compiler's own vectors and compiled for each
// instruction set: RACKPROOF_UNIT_PATH is the namespace they are in.
#include "emulator/tensor/unit_blocks.hpp"

#include <array>
#include <cstring>

#define RACKPROOF_INLINE inline __attribute__((always_inline))

namespace rackproof::emulator::tensor::RACKPROOF_UNIT_PATH {
namespace {

constexpr std::size_t kHalf = kUnitLanes / 2;

template <class T, std::size_t N>
using Lanes __attribute__((vector_size(N * sizeof(T)))) = T;
using Floats = Lanes<float, kUnitLanes>;
using Integers = Lanes<std::int32_t, kUnitLanes>;
using Unsigned = Lanes<std::uint32_t, kUnitLanes>;
using Shorts = Lanes<std::int16_t, kUnitLanes>;
using Doubles = Lanes<double, kHalf>;
using Longs = Lanes<std::int64_t, kHalf>;
using HalfFloats = Lanes<float, kHalf>;
using HalfIntegers = Lanes<std::int32_t, kHalf>;

/// Limits of the fast path: see unit_tile.hpp.
constexpr std::int32_t kSmallestProduct = -60;
constexpr std::int32_t kSmallestSum = -90;
constexpr std::int32_t kLargestSum = 110;

template <class Vector>
RACKPROOF_INLINE void load(const void* from, Vector& to) {
  std::memcpy(&to, from, sizeof(to));
}
template <class To, class From>
RACKPROOF_INLINE void reinterpret(const From& from, To& to) {
  static_assert(sizeof(From) == sizeof(To));
  std::memcpy(&to, &from, sizeof(to));
}
template <class Vector>
RACKPROOF_INLINE void clamp(Vector& value, std::int32_t low, std::int32_t high) {
  const Vector lows = Vector{} + low;
  const Vector highs = Vector{} + high;
  value = value < lows ? lows : value;
  value = value > highs ? highs : value;
}
/// 2^exponent
RACKPROOF_INLINE void powers(Integers exponent, Floats& power) {
  clamp(exponent, -126, 127);
  exponent = (exponent + 127) << 23;
  reinterpret(exponent, power);
}
RACKPROOF_INLINE void powers(const HalfIntegers& exponent, Doubles& power) {
  Longs biased = __builtin_convertvector(exponent, Longs) + 1023;
  biased = biased < 1 ? Longs{} + 1 : biased;
  biased = biased << 52;
  reinterpret(biased, power);
}
/// C of sixteen elements: value x 2^-shift, its exponent, and what is no number.
struct Addends {
  Floats value;
  Integers exponent;
  Integers special;  ///< -1
  Integers zero;     ///< -1
};
template <bool kHalfPrecision>
RACKPROOF_INLINE void decode_addends(const Integers& codes, int shift, Addends& out) {
  constexpr int kFraction = kHalfPrecision ? 10 : 23;
  constexpr int kBias = kHalfPrecision ? 15 : 127;
  constexpr std::int32_t kMagnitude = kHalfPrecision ? 0x7fff : 0x7fffffff;
  constexpr std::int32_t kSpecial = kHalfPrecision ? 0x7c00 : 0x7f800000;
  const Integers magnitude = codes & kMagnitude;
  const Integers biased = magnitude >> kFraction;
  const Integers one = Integers{} + 1;
  out.special = magnitude >= kSpecial;
  out.zero = magnitude == 0;
  const Integers exponent = (biased > one ? biased : one) - kBias - shift;
  out.exponent = out.zero ? Integers{} + kZeroExponent : exponent;
  if constexpr (kHalfPrecision) {
    // The exponent of f16 moved into that of f32; the product corrects the bias.
    const Integers moved = magnitude << 13;
    Floats value;
    reinterpret(moved, value);
    value *= 0x1p112F;
    Integers bits;
    reinterpret(value, bits);
    bits |= (codes & 0x8000) << 16;
    reinterpret(bits, out.value);
  } else {
    reinterpret(codes, out.value);
  }
}

/// Exact sums of eight elements as f32, truncated. They are zeros or normal numbers.
RACKPROOF_INLINE void truncate(const Doubles& sum, HalfIntegers& codes) {
  Longs bits;
  reinterpret(sum, bits);
  bits &= ~((std::int64_t{1} << 29) - 1);
  Doubles cut;
  reinterpret(bits, cut);
  const HalfFloats result = __builtin_convertvector(cut, HalfFloats);
  reinterpret(result, codes);
}

/// As f16, to nearest even; `unusual`: subnormal and infinite results.
RACKPROOF_INLINE void round_to_half(const Doubles& sum, HalfIntegers& codes,
                                    HalfIntegers& unusual) {
  constexpr int kDropped = 42;
  constexpr std::int64_t kSmallestNormal = std::int64_t{1023 - 14} << 52;
  Longs bits;
  reinterpret(sum, bits);
  const Longs magnitude = bits & ~(std::int64_t{1} << 63);
  const Longs odd = (magnitude >> kDropped) & 1;
  const Longs nearest = magnitude + ((std::int64_t{1} << (kDropped - 1)) - 1) + odd;
  const Longs code = (nearest >> kDropped) - (std::int64_t{1023 - 15} << 10);
  const Longs zero = magnitude == 0;
  const Longs usual = zero | ((magnitude >= kSmallestNormal) & (code < 0x7c00));
  unusual = __builtin_convertvector(~usual, HalfIntegers);
  const Longs signed_code = (code | ((bits >> 48) & 0x8000)) & ~zero;
  codes = __builtin_convertvector(signed_code, HalfIntegers);
}

/// Sixteen columns of one row of D.
struct Block {
  std::size_t row;
  std::size_t column;
  std::size_t count;  ///< columns that exist
  std::uint32_t* d;
};
RACKPROOF_INLINE void load_addends(const Block& block, Integers& codes) {
  codes = Integers{};
  if (block.count == kUnitLanes) {
    load(block.d, codes);
  } else {
    std::memcpy(&codes, block.d, block.count * sizeof(std::uint32_t));
  }
}
/// Stores what is usual; the bits of what is not.
RACKPROOF_INLINE std::uint16_t store(const Block& block, const Integers& addends,
                                     const Integers& result, const Integers& unusual) {
  std::array<std::uint64_t, kHalf> pairs;
  std::memcpy(pairs.data(), &unusual, sizeof(unusual));
  std::uint64_t any = 0;
  for (const std::uint64_t pair : pairs) {
    any |= pair;
  }
  if (any == 0 && block.count == kUnitLanes) [[likely]] {
    std::memcpy(block.d, &result, sizeof(result));
    return 0;
  }
  const Integers kept = unusual ? addends : result;
  std::memcpy(block.d, &kept, block.count * sizeof(std::uint32_t));
  std::uint32_t mask = 0;
  for (std::size_t i = 0; i < kUnitLanes; ++i) {
    mask |= static_cast<std::uint32_t>(unusual[i] & 1) << i;
  }
  return static_cast<std::uint16_t>(mask & ((1U << block.count) - 1));
}

/// One fused sum of all products.
template <bool kHalfPrecision>
RACKPROOF_INLINE std::uint16_t fused_block(const UnitTile& tile, const Block& block) {
  const DecodedOperand& a = *tile.a;
  const DecodedOperand& b = *tile.b;
  const std::size_t depth = tile.unit->k;
  const float* const a_values = a.values.data() + block.row * depth;
  const std::int16_t* const a_exponents = a.exponents.data() + block.row * depth;
  const float* const b_values = b.values.data() + block.column;
  const std::int16_t* const b_exponents = b.exponents.data() + block.column;
  const std::size_t width = b.padded_lines;

  Shorts largest_product;
  load(b_exponents, largest_product);
  largest_product += a_exponents[0];
  for (std::size_t k = 1; k < depth; ++k) {
    Shorts exponent;
    load(b_exponents + k * width, exponent);
    exponent += a_exponents[k];
    largest_product = exponent > largest_product ? exponent : largest_product;
  }
  Integers codes;
  load_addends(block, codes);
  Addends addends;
  decode_addends<kHalfPrecision>(codes, tile.unit->input_shift, addends);

  const Integers relative = __builtin_convertvector(largest_product, Integers);
  Integers lines;
  load(b.line_exponents.data() + block.column, lines);
  lines += a.line_exponents[block.row];
  Integers largest = relative + lines;
  largest = addends.exponent > largest ? addends.exponent : largest;
  Integers zero_products;
  load(b.zero_lines.data() + block.column, zero_products);
  zero_products |= a.zero_lines[block.row];
  Integers unusual;
  load(b.unusual_lines.data() + block.column, unusual);
  unusual |= addends.special | (~zero_products & (relative < kSmallestProduct));
  unusual |= ~(zero_products & addends.zero) & ((largest < kSmallestSum) | (largest > kLargestSum));

  const int kept = tile.model.kept_bits;
  Floats scale;
  powers(kept - largest - tile.unit->input_shift, scale);
  const Floats addend = addends.value * scale;
  // Sixteen products of less than 2^27 overflow 32 bits: two sums. Unsigned, because those of
  // elements that are computed again may overflow all the same.
  Unsigned first = reinterpret_cast<Unsigned>(__builtin_convertvector(addend, Integers));
  Unsigned second{};
  powers(kept - largest + lines, scale);
  for (std::size_t k = 0; k < depth; k += 2) {
    Floats even;
    Floats odd;
    load(b_values + k * width, even);
    load(b_values + (k + 1) * width, odd);
    even *= scale * a_values[k];
    odd *= scale * a_values[k + 1];
    first += reinterpret_cast<Unsigned>(__builtin_convertvector(even, Integers));
    second += reinterpret_cast<Unsigned>(__builtin_convertvector(odd, Integers));
  }

  Integers result{};
  const Integers place = largest - kept;
  for (std::size_t half = 0; half < 2; ++half) {
    const std::size_t offset = half * kHalf * sizeof(std::int32_t);
    HalfIntegers x;
    HalfIntegers y;
    HalfIntegers exponent;
    std::memcpy(&x, reinterpret_cast<const char*>(&first) + offset, sizeof(x));
    std::memcpy(&y, reinterpret_cast<const char*>(&second) + offset, sizeof(y));
    std::memcpy(&exponent, reinterpret_cast<const char*>(&place) + offset, sizeof(exponent));
    Doubles power;
    powers(exponent, power);
    const Doubles sum =
        (__builtin_convertvector(x, Doubles) + __builtin_convertvector(y, Doubles)) * power;
    HalfIntegers out;
    if constexpr (kHalfPrecision) {
      HalfIntegers odd_results;
      round_to_half(sum, out, odd_results);
      char* const to = reinterpret_cast<char*>(&unusual) + offset;
      HalfIntegers before;
      std::memcpy(&before, to, sizeof(before));
      before |= odd_results;
      std::memcpy(to, &before, sizeof(before));
    } else {
      truncate(sum, out);
      out &= static_cast<std::int32_t>(tile.model.result_mask);
    }
    std::memcpy(reinterpret_cast<char*>(&result) + offset, &out, sizeof(out));
  }
  return store(block, codes, result, unusual);
}

/// Products of `depth` steps from `first_k` on, exact in fp32.
RACKPROOF_INLINE void exact_sum(const UnitTile& tile, const Block& block, std::size_t first_k,
                                std::size_t depth, Floats& sum) {
  const float* const a_values = tile.a->values.data() + block.row * tile.unit->k;
  const float* const b_values = tile.b->values.data() + block.column;
  sum = Floats{};
  for (std::size_t k = first_k; k < first_k + depth; ++k) {
    Floats b;
    load(b_values + k * tile.b->padded_lines, b);
    sum += b * a_values[k];
  }
}

RACKPROOF_INLINE std::uint16_t integer_block(const UnitTile& tile, const Block& block) {
  Floats products;
  exact_sum(tile, block, 0, tile.unit->k, products);
  const Integers added = __builtin_convertvector(products, Integers);
  Integers codes;
  load_addends(block, codes);
  // Wrapping addition, without the overflow that signed types do not have.
  using Words = Lanes<std::uint32_t, kUnitLanes>;
  Words x;
  Words y;
  reinterpret(codes, x);
  reinterpret(added, y);
  x += y;
  Integers result{};
  reinterpret(x, result);
  if (tile.unit->saturate) {
    const Integers overflow = (codes ^ result) & (added ^ result);
    const Integers limit = (codes >> 31) ^ 0x7fffffff;
    result = overflow < 0 ? limit : result;
  }
  return store(block, codes, result, Integers{});
}

/// Toward zero, for magnitudes below 2^51.
RACKPROOF_INLINE void cut(Doubles& value) {
  constexpr double kInteger = 0x1p52;
  constexpr std::int64_t kSign = std::int64_t{1} << 63;
  Longs bits;
  reinterpret(value, bits);
  const Longs sign = bits & kSign;
  bits &= ~kSign;
  Doubles magnitude;
  reinterpret(bits, magnitude);
  Doubles nearest = (magnitude + kInteger) - kInteger;
  nearest = nearest > magnitude ? nearest - 1.0 : nearest;
  reinterpret(nearest, bits);
  bits |= sign;
  reinterpret(bits, value);
}

/// Sums of 16 products, scaled and then aligned.
RACKPROOF_INLINE std::uint16_t grouped_block(const UnitTile& tile, const Block& block) {
  const DecodedOperand& a = *tile.a;
  const DecodedOperand& b = *tile.b;
  const std::size_t group = group_elements(*tile.unit);
  const std::size_t groups = tile.unit->k / group;
  const std::int32_t* const a_exponents = a.scale_exponents.data() + block.row * groups;
  const float* const a_significands = a.scale_significands.data() + block.row * groups;
  const std::int32_t* const b_exponents = b.scale_exponents.data() + block.column;
  const float* const b_significands = b.scale_significands.data() + block.column;
  const std::size_t width = b.padded_lines;
  Integers codes;
  load_addends(block, codes);
  Addends addends;
  decode_addends<false>(codes, tile.unit->input_shift, addends);
  Integers largest = addends.exponent;
  for (std::size_t g = 0; g < groups; ++g) {
    Integers exponent;
    load(b_exponents + g * width, exponent);
    exponent += a_exponents[g];
    largest = exponent > largest ? exponent : largest;
  }
  Integers unusual;
  load(b.unusual_lines.data() + block.column, unusual);
  unusual |= addends.special | (largest < kSmallestSum) | (largest > kLargestSum);

  const int kept = tile.model.kept_bits;
  Doubles sum[2];
  const Integers addend_place = kept - largest - tile.unit->input_shift;
  for (std::size_t half = 0; half < 2; ++half) {
    HalfFloats value;
    HalfIntegers place;
    const std::size_t offset = half * kHalf * sizeof(float);
    std::memcpy(&value, reinterpret_cast<const char*>(&addends.value) + offset, sizeof(value));
    std::memcpy(&place, reinterpret_cast<const char*>(&addend_place) + offset, sizeof(place));
    Doubles power;
    powers(place, power);
    sum[half] = __builtin_convertvector(value, Doubles) * power;
    cut(sum[half]);
  }
  for (std::size_t g = 0; g < groups; ++g) {
    Floats products;
    exact_sum(tile, block, g * group, group, products);
    Floats significands;
    load(b_significands + g * width, significands);
    products *= significands * a_significands[g];
    Integers place;
    load(b_exponents + g * width, place);
    place += kept - largest + a_exponents[g];
    for (std::size_t half = 0; half < 2; ++half) {
      HalfFloats value;
      HalfIntegers exponent;
      const std::size_t offset = half * kHalf * sizeof(float);
      std::memcpy(&value, reinterpret_cast<const char*>(&products) + offset, sizeof(value));
      std::memcpy(&exponent, reinterpret_cast<const char*>(&place) + offset, sizeof(exponent));
      Doubles power;
      powers(exponent, power);
      Doubles term = __builtin_convertvector(value, Doubles) * power;
      cut(term);
      sum[half] += term;
    }
  }
  Integers result{};
  const Integers place = largest - kept;
  for (std::size_t half = 0; half < 2; ++half) {
    const std::size_t offset = half * kHalf * sizeof(float);
    HalfIntegers exponent;
    std::memcpy(&exponent, reinterpret_cast<const char*>(&place) + offset, sizeof(exponent));
    Doubles power;
    powers(exponent, power);
    // A sum of -0 becomes +0.
    const Doubles value = (sum[half] + 0.0) * power;
    HalfIntegers out;
    truncate(value, out);
    std::memcpy(reinterpret_cast<char*>(&result) + offset, &out, sizeof(out));
  }
  return store(block, codes, result, unusual);
}

}  // namespace

void unit_blocks(const UnitTile& tile, std::uint16_t* redo) {
  const bool integers = tile.unit->integer();
  const bool groups = sums_groups(*tile.unit);
  const bool half = tile.unit->accumulator == Accumulator::f16;
  const std::size_t columns = tile.b->lines;
  for (std::size_t row = 0; row < tile.a->lines; ++row) {
    const bool unusual_row = tile.a->unusual_lines[row] != 0;
    for (std::size_t column = 0; column < columns; column += kUnitLanes, ++redo) {
      const std::size_t left = columns - column;
      const Block block{row, column, left < kUnitLanes ? left : kUnitLanes,
                        tile.d + row * tile.stride + column};
      if (unusual_row) {
        *redo = static_cast<std::uint16_t>((1U << block.count) - 1);
      } else if (integers) {
        *redo = integer_block(tile, block);
      } else if (groups) {
        *redo = grouped_block(tile, block);
      } else if (half) {
        *redo = fused_block<true>(tile, block);
      } else {
        *redo = fused_block<false>(tile, block);
      }
    }
  }
}

}  // namespace rackproof::emulator::tensor::RACKPROOF_UNIT_PATH

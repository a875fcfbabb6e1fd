#include "emulator/tensor/tile.hpp"

#include <algorithm>
#include <bit>

// Several versions of the loops below, chosen when the program is loaded. Sanitizers run before the
// choice is made, so they get the portable one.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RACKPROOF_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define RACKPROOF_VECTOR_CLONES
#endif

namespace rackproof::emulator::tensor {
namespace {

using Lanes = std::array<std::int32_t, kLanes>;

/// A 64-bit shift count or exponent that an int32 lane cannot exceed anyway.
constexpr std::int32_t kLargestShift = 31;

}  // namespace

RACKPROOF_VECTOR_CLONES
void decode_row(const FormatFacts& format, int k, const std::uint32_t* codes, DecodedRow& row) {
  const int fraction_bits = format.fraction_bits;
  const int magnitude_bits = fraction_bits + format.exponent_bits;
  const auto magnitude_mask = static_cast<std::int32_t>((1U << magnitude_bits) - 1);
  const std::int32_t hidden = 1 << fraction_bits;
  const auto first_special = static_cast<std::int32_t>(format.first_special);
  const int ignored_bits = format.ignored_bits;
  const std::int32_t bias = format.bias;
  std::int32_t special = 0;
  for (int i = 0; i < k; ++i) {
    const auto code = static_cast<std::int32_t>(codes[i] >> ignored_bits);
    const std::int32_t magnitude = code & magnitude_mask;
    const std::int32_t biased = magnitude >> fraction_bits;
    const std::int32_t fraction = magnitude & (hidden - 1);
    const std::int32_t significand = biased != 0 ? fraction | hidden : fraction;
    const std::int32_t sign = -((code >> magnitude_bits) & 1);
    const std::int32_t exponent = (biased > 1 ? biased : 1) - bias;
    row.significand[static_cast<std::size_t>(i)] = (significand ^ sign) - sign;
    row.exponent[static_cast<std::size_t>(i)] = magnitude != 0 ? exponent : kZeroExponent;
    special |= magnitude >= first_special ? 1 : 0;
  }
  row.special = special != 0;
}

void decode_columns(const FormatFacts& format, int k, const std::uint32_t* codes,
                    DecodedColumns& columns) {
  columns.special = 0;
  DecodedRow column;
  for (std::size_t n = 0; n < kLanes; ++n) {
    decode_row(format, k, codes + n * static_cast<std::size_t>(k), column);
    columns.special |= column.special ? 1U << n : 0U;
    for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
      columns.exponent[i][n] = column.exponent[i];
      columns.significand[i][n] = column.significand[i];
    }
  }
}

namespace {

/// The sum of one step in two parts that cannot overflow: at most 8 products of less than 2^27
/// each and an addend below 2^26.
struct StepSum {
  alignas(32) Lanes first;
  alignas(32) Lanes second;
  alignas(32) Lanes largest;
};

inline __attribute__((always_inline)) void accumulate(Lanes& sum, std::size_t i, int left,
                                                      const DecodedRow& row,
                                                      const DecodedColumns& columns,
                                                      const Lanes& largest) {
  for (std::size_t n = 0; n < kLanes; ++n) {
    const std::int32_t exponent = row.exponent[i] + columns.exponent[i][n];
    const std::int32_t product = row.significand[i] * columns.significand[i][n];
    const std::int32_t shift = std::min(largest[n] - exponent, kLargestShift);
    const std::int32_t sign = product >> 31;
    const std::int32_t magnitude = (((product ^ sign) - sign) << left) >> shift;
    sum[n] += (magnitude ^ sign) - sign;
  }
}

inline __attribute__((always_inline)) void step_sum(const DotModel& model, int left,
                                                    const FormatFacts& format, std::size_t begin,
                                                    std::size_t end, const DecodedRow& row,
                                                    const DecodedColumns& columns,
                                                    const std::uint32_t* c, StepSum& result) {
  const int fraction_bits = format.fraction_bits;
  const std::int32_t hidden = 1 << fraction_bits;
  const std::int32_t magnitude_mask =
      static_cast<std::int32_t>((1U << (fraction_bits + format.exponent_bits)) - 1);
  const int sign_bit = fraction_bits + format.exponent_bits;
  const std::int32_t bias = format.bias;
  alignas(32) Lanes addend_exponent;
  alignas(32) Lanes largest;
  for (std::size_t n = 0; n < kLanes; ++n) {
    const std::int32_t magnitude = static_cast<std::int32_t>(c[n]) & magnitude_mask;
    const std::int32_t biased = magnitude >> fraction_bits;
    const std::int32_t exponent = (biased > 1 ? biased : 1) - bias;
    addend_exponent[n] = magnitude != 0 ? exponent : kZeroExponent;
    largest[n] = addend_exponent[n];
  }
  for (std::size_t i = begin; i < end; ++i) {
    for (std::size_t n = 0; n < kLanes; ++n) {
      largest[n] = std::max(largest[n], row.exponent[i] + columns.exponent[i][n]);
    }
  }
  const int addend_left = std::max(model.kept_bits - fraction_bits, 0);
  const int addend_right = std::max(fraction_bits - model.kept_bits, 0);
  alignas(32) Lanes first;
  alignas(32) Lanes second{};
  for (std::size_t n = 0; n < kLanes; ++n) {
    const std::int32_t magnitude = static_cast<std::int32_t>(c[n]) & magnitude_mask;
    const std::int32_t fraction = magnitude & (hidden - 1);
    const std::int32_t significand = magnitude >= hidden ? fraction | hidden : fraction;
    const std::int32_t shift =
        std::min(largest[n] - addend_exponent[n] + addend_right, kLargestShift);
    const std::int32_t value = (significand << addend_left) >> shift;
    const std::int32_t sign = -static_cast<std::int32_t>((c[n] >> sign_bit) & 1U);
    first[n] = (value ^ sign) - sign;
  }
  const std::size_t middle = begin + (end - begin) / 2;
  for (std::size_t i = begin; i < middle; ++i) {
    accumulate(first, i, left, row, columns, largest);
  }
  for (std::size_t i = middle; i < end; ++i) {
    accumulate(second, i, left, row, columns, largest);
  }
  result.first = first;
  result.second = second;
  result.largest = largest;
}

/// sum x 2^scale_exponent, exact in f64: 33 bits and exponents far inside its range.
inline double exact_value(std::int32_t first, std::int32_t second, std::int32_t scale_exponent) {
  const auto biased = static_cast<std::uint64_t>(scale_exponent + 1023);
  return (static_cast<double>(first) + static_cast<double>(second)) *
         std::bit_cast<double>(biased << 52);
}

inline __attribute__((always_inline)) std::uint32_t to_f32(const DotModel& model,
                                                           const StepSum& sum, std::uint32_t* d) {
  constexpr std::uint64_t kSmallestNormal = std::uint64_t{1023 - 126} << 52;
  constexpr std::uint64_t kOverflow = std::uint64_t{1023 + 128} << 52;
  std::uint32_t unusual = 0;
  for (std::size_t n = 0; n < kLanes; ++n) {
    const double value = exact_value(sum.first[n], sum.second[n], sum.largest[n] - model.kept_bits);
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t magnitude = bits & ~(std::uint64_t{1} << 63);
    const bool zero = magnitude == 0;
    const bool usual = magnitude >= kSmallestNormal && magnitude < kOverflow;
    unusual |= zero || usual ? 0U : 1U << n;
    // Dropping the low fraction bits truncates toward zero.
    const auto code = static_cast<std::uint32_t>((magnitude >> 29) - (std::uint64_t{896} << 23));
    const auto sign = static_cast<std::uint32_t>(bits >> 32) & 0x80000000U;
    d[n] = zero ? 0U : (code & model.result_mask) | sign;
  }
  return unusual;
}

inline __attribute__((always_inline)) std::uint32_t to_f16(const DotModel& model,
                                                           const StepSum& sum, std::uint32_t* d) {
  constexpr std::uint64_t kSmallestNormal = std::uint64_t{1023 - 14} << 52;
  constexpr std::uint32_t kInfinity = 0x7c00;
  constexpr int kDropped = 42;
  std::uint32_t unusual = 0;
  for (std::size_t n = 0; n < kLanes; ++n) {
    const double value = exact_value(sum.first[n], sum.second[n], sum.largest[n] - model.kept_bits);
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t magnitude = bits & ~(std::uint64_t{1} << 63);
    // Round to nearest even by adding just under half of the last place, plus its parity.
    const std::uint64_t odd = (magnitude >> kDropped) & 1;
    const std::uint64_t nearest = magnitude + ((std::uint64_t{1} << (kDropped - 1)) - 1) + odd;
    const std::uint64_t code = (nearest >> kDropped) - (std::uint64_t{1023 - 15} << 10);
    const bool zero = magnitude == 0;
    const bool usual = magnitude >= kSmallestNormal && code < kInfinity;
    unusual |= zero || usual ? 0U : 1U << n;
    const auto sign = static_cast<std::uint32_t>(bits >> 48) & 0x8000U;
    d[n] = zero ? 0U : static_cast<std::uint32_t>(code) | sign;
  }
  return unusual;
}

}  // namespace

RACKPROOF_VECTOR_CLONES
std::uint32_t multiply_row(const DotModel& model, int product_fraction_bits, int k,
                           Accumulator accumulator, const DecodedRow& row,
                           const DecodedColumns& columns, const std::uint32_t* c,
                           std::uint32_t* d) {
  const FormatFacts& format = facts(accumulator);
  const int left = model.kept_bits - product_fraction_bits;
  const auto size = static_cast<std::size_t>(k);
  const std::size_t step = model.step == 0 ? size : static_cast<std::size_t>(model.step);
  alignas(32) std::array<std::uint32_t, kLanes> running;
  std::copy_n(c, kLanes, running.begin());
  std::uint32_t redo = columns.special;
  for (std::size_t n = 0; n < kLanes; ++n) {
    const std::uint32_t sign = 1U << (format.fraction_bits + format.exponent_bits);
    redo |= (c[n] & (sign - 1)) >= format.first_special ? 1U << n : 0U;
  }
  StepSum sum;
  for (std::size_t begin = 0; begin < size; begin += step) {
    const std::size_t end = std::min(begin + step, size);
    step_sum(model, left, format, begin, end, row, columns, running.data(), sum);
    redo |= accumulator == Accumulator::f32 ? to_f32(model, sum, running.data())
                                            : to_f16(model, sum, running.data());
  }
  for (std::size_t n = 0; n < kLanes; ++n) {
    if ((redo >> n & 1U) == 0) {
      d[n] = running[n];
    }
  }
  return redo;
}

}  // namespace rackproof::emulator::tensor

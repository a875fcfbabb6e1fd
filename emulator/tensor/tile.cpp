#include "emulator/tensor/tile.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

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

// The compiler's own vectors: they stay in registers and become whatever the target has.
using Vector = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

// Every value shifted is below 2^27, so more does not change the result.
constexpr std::int32_t kLargestShift = 31;

#define RACKPROOF_INLINE inline __attribute__((always_inline))

RACKPROOF_INLINE void load(const void* from, Vector& to) {
  std::memcpy(&to, from, sizeof(to));
}

RACKPROOF_INLINE void maximum(Vector& a, const Vector& b) {
  a = a > b ? a : b;
}

/// The format of the accumulator, ready for vector use.
struct AddendFormat {
  int fraction_bits;
  int sign_bit;
  std::int32_t bias;
};

/// Partial sums of one step: at most 8 products of less than 2^27 each in a part, and an addend
/// below 2^26, so neither overflows.
struct StepSum {
  Vector first;
  Vector second;
  Vector largest;  ///< exponent
};

RACKPROOF_INLINE void accumulate(Vector& sum, std::int32_t exponent_a, std::int32_t significand_a,
                                 const std::int32_t* exponents_b,
                                 const std::int32_t* significands_b, int left,
                                 const Vector& largest) {
  Vector exponent;
  Vector product;
  load(exponents_b, exponent);
  load(significands_b, product);
  exponent += exponent_a;
  product *= significand_a;
  const Vector limit = Vector{} + kLargestShift;
  Vector shift = largest - exponent;
  shift = shift < limit ? shift : limit;
  const Vector sign = product >> 31;
  const Vector magnitude = (((product ^ sign) - sign) << left) >> shift;
  sum += (magnitude ^ sign) - sign;
}

RACKPROOF_INLINE void step_sum(const Tile& tile, const AddendFormat& format, std::size_t row,
                               std::size_t begin, std::size_t end, const Vector& addend,
                               StepSum& sum) {
  const std::int32_t* exponents_a = tile.a->exponent.data() + row * tile.k;
  const std::int32_t* significands_a = tile.a->significand.data() + row * tile.k;
  const std::int32_t* exponents_b = tile.b->exponent.data();
  const std::int32_t* significands_b = tile.b->significand.data();

  const std::int32_t hidden = 1 << format.fraction_bits;
  const Vector magnitude = addend & static_cast<std::int32_t>((1U << format.sign_bit) - 1);
  const Vector biased = magnitude >> format.fraction_bits;
  const Vector one = Vector{} + 1;
  const Vector addend_exponent =
      magnitude != 0 ? (biased > one ? biased : one) - format.bias : Vector{} + kZeroExponent;
  Vector largest = addend_exponent;
  for (std::size_t i = begin; i < end; ++i) {
    Vector exponent;
    load(exponents_b + i * kLanes, exponent);
    maximum(largest, exponent + exponents_a[i]);
  }

  const int addend_left = std::max(tile.model.kept_bits - format.fraction_bits, 0);
  const int addend_right = std::max(format.fraction_bits - tile.model.kept_bits, 0);
  const Vector fraction = magnitude & (hidden - 1);
  const Vector significand = biased != 0 ? fraction | hidden : fraction;
  const Vector limit = Vector{} + kLargestShift;
  Vector shift = largest - addend_exponent + addend_right;
  shift = shift < limit ? shift : limit;
  const Vector sign = -((addend >> format.sign_bit) & 1);
  Vector first = (((significand << addend_left) >> shift) ^ sign) - sign;
  Vector second{};
  const int left = tile.model.kept_bits - tile.product_fraction_bits;
  const std::size_t middle = begin + (end - begin) / 2;
  for (std::size_t i = begin; i < middle; ++i) {
    accumulate(first, exponents_a[i], significands_a[i], exponents_b + i * kLanes,
               significands_b + i * kLanes, left, largest);
  }
  for (std::size_t i = middle; i < end; ++i) {
    accumulate(second, exponents_a[i], significands_a[i], exponents_b + i * kLanes,
               significands_b + i * kLanes, left, largest);
  }
  sum = {first, second, largest};
}

/// The sums x 2^(largest - kept_bits), exact in f64: 33 bits, exponents far inside its range.
RACKPROOF_INLINE void exact_bits(const DotModel& model, const StepSum& sum,
                                 std::array<std::uint64_t, kLanes>& bits) {
  alignas(Vector) std::array<std::int32_t, kLanes> first;
  alignas(Vector) std::array<std::int32_t, kLanes> second;
  alignas(Vector) std::array<std::int32_t, kLanes> biased;
  std::memcpy(first.data(), &sum.first, sizeof(sum.first));
  std::memcpy(second.data(), &sum.second, sizeof(sum.second));
  const Vector scale = sum.largest + (1023 - model.kept_bits);
  std::memcpy(biased.data(), &scale, sizeof(scale));
  for (std::size_t n = 0; n < kLanes; ++n) {
    const double value = (static_cast<double>(first[n]) + static_cast<double>(second[n])) *
                         std::bit_cast<double>(static_cast<std::uint64_t>(biased[n]) << 52);
    bits[n] = std::bit_cast<std::uint64_t>(value);
  }
}

constexpr std::uint64_t kMagnitude = ~(std::uint64_t{1} << 63);

/// Codes in f32, truncated; `unusual` marks results that are subnormal or overflow.
RACKPROOF_INLINE void to_f32(const DotModel& model, const std::array<std::uint64_t, kLanes>& bits,
                             std::array<std::uint32_t, kLanes>& codes,
                             std::array<std::uint32_t, kLanes>& unusual) {
  constexpr std::uint64_t kSmallestNormal = std::uint64_t{1023 - 126} << 52;
  constexpr std::uint64_t kOverflow = std::uint64_t{1023 + 128} << 52;
  for (std::size_t n = 0; n < kLanes; ++n) {
    const std::uint64_t magnitude = bits[n] & kMagnitude;
    const bool zero = magnitude == 0;
    const bool usual = magnitude - kSmallestNormal < kOverflow - kSmallestNormal;
    // Dropping the low fraction bits truncates toward zero.
    const auto code = static_cast<std::uint32_t>((magnitude >> 29) - (std::uint64_t{896} << 23));
    const auto sign = static_cast<std::uint32_t>(bits[n] >> 32) & 0x80000000U;
    codes[n] = zero ? 0U : (code & model.result_mask) | sign;
    unusual[n] |= zero || usual ? 0U : 1U;
  }
}

/// Codes in f16, to nearest even.
RACKPROOF_INLINE void to_f16(const std::array<std::uint64_t, kLanes>& bits,
                             std::array<std::uint32_t, kLanes>& codes,
                             std::array<std::uint32_t, kLanes>& unusual) {
  constexpr std::uint64_t kSmallestNormal = std::uint64_t{1023 - 14} << 52;
  constexpr std::uint64_t kInfinity = 0x7c00;
  constexpr int kDropped = 42;
  for (std::size_t n = 0; n < kLanes; ++n) {
    const std::uint64_t magnitude = bits[n] & kMagnitude;
    // Add just under half of the last place, plus its parity.
    const std::uint64_t odd = (magnitude >> kDropped) & 1;
    const std::uint64_t nearest = magnitude + ((std::uint64_t{1} << (kDropped - 1)) - 1) + odd;
    const std::uint64_t code = (nearest >> kDropped) - (std::uint64_t{1023 - 15} << 10);
    const bool zero = magnitude == 0;
    const bool usual = magnitude >= kSmallestNormal && code < kInfinity;
    const auto sign = static_cast<std::uint32_t>(bits[n] >> 48) & 0x8000U;
    codes[n] = zero ? 0U : static_cast<std::uint32_t>(code) | sign;
    unusual[n] |= zero || usual ? 0U : 1U;
  }
}

}  // namespace

RACKPROOF_VECTOR_CLONES
void decode(const FormatFacts& format, std::size_t count, const std::uint32_t* codes,
            DecodedCodes& decoded) {
  const int fraction_bits = format.fraction_bits;
  const int magnitude_bits = fraction_bits + format.exponent_bits;
  const std::int32_t magnitude_mask = (1 << magnitude_bits) - 1;
  const std::int32_t hidden = 1 << fraction_bits;
  const auto first_special = static_cast<std::int32_t>(format.first_special);
  const int ignored_bits = format.ignored_bits;
  const std::int32_t bias = format.bias;
  std::int32_t special = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = static_cast<std::int32_t>(codes[i] >> ignored_bits);
    const std::int32_t magnitude = code & magnitude_mask;
    const std::int32_t biased = magnitude >> fraction_bits;
    const std::int32_t fraction = magnitude & (hidden - 1);
    const std::int32_t significand = biased != 0 ? fraction | hidden : fraction;
    const std::int32_t sign = -((code >> magnitude_bits) & 1);
    const std::int32_t exponent = (biased > 1 ? biased : 1) - bias;
    decoded.significand[i] = (significand ^ sign) - sign;
    decoded.exponent[i] = magnitude != 0 ? exponent : kZeroExponent;
    special |= magnitude >= first_special ? 1 : 0;
  }
  decoded.special = special != 0;
}

RACKPROOF_VECTOR_CLONES
void multiply_tile(const Tile& tile, const std::uint32_t* c, std::uint32_t* d, RedoMasks& redo) {
  const FormatFacts& facts_c = facts(tile.accumulator);
  const AddendFormat format{.fraction_bits = facts_c.fraction_bits,
                            .sign_bit = facts_c.fraction_bits + facts_c.exponent_bits,
                            .bias = facts_c.bias};
  const std::size_t step =
      tile.model.step == 0 ? tile.k : static_cast<std::size_t>(tile.model.step);
  for (std::size_t row = 0; row < tile.rows; ++row) {
    const std::uint32_t* c_row = c + row * tile.stride;
    std::uint32_t* d_row = d + row * tile.stride;
    alignas(Vector) std::array<std::uint32_t, kLanes> running;
    std::copy_n(c_row, kLanes, running.begin());
    std::array<std::uint32_t, kLanes> unusual{};
    for (std::size_t n = 0; n < kLanes; ++n) {
      const std::uint32_t magnitude = running[n] & ((1U << format.sign_bit) - 1);
      unusual[n] = magnitude >= facts_c.first_special ? 1U : 0U;
    }
    for (std::size_t begin = 0; begin < tile.k; begin += step) {
      Vector addend;
      load(running.data(), addend);
      StepSum sum;
      step_sum(tile, format, row, begin, std::min(begin + step, tile.k), addend, sum);
      std::array<std::uint64_t, kLanes> bits;
      exact_bits(tile.model, sum, bits);
      if (tile.accumulator == Accumulator::f32) {
        to_f32(tile.model, bits, running, unusual);
      } else {
        to_f16(bits, running, unusual);
      }
    }
    std::uint32_t mask = 0;
    for (std::size_t n = 0; n < kLanes; ++n) {
      mask |= unusual[n] << n;
    }
    redo[row] = mask;
    if (mask == 0) {
      std::copy_n(running.begin(), kLanes, d_row);
      continue;
    }
    for (std::size_t n = 0; n < kLanes; ++n) {
      if (unusual[n] == 0) {
        d_row[n] = running[n];
      }
    }
  }
}

}  // namespace rackproof::emulator::tensor

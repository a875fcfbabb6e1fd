#pragma once
/// Conversions between IEEE binary32/64 and the narrow floating-point formats, with one rounding.
/// Included only by lanes_*.cpp (see lane_support.hpp).

#include "emulator/exec/lane_support.hpp"

namespace rackproof::emulator::exec::RACKPROOF_LANES {

/// A sign bit, kExponent exponent bits and kMantissa mantissa bits.
/// kMaxFinite: code of the largest number; kInfinity and kNan: codes without the sign.
template <int kExponentBits, int kMantissaBits, uint32_t kMax, uint32_t kInf, uint32_t kQuietNan>
struct NarrowFormat {
  static constexpr int kExponent = kExponentBits;
  static constexpr int kMantissa = kMantissaBits;
  static constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  static constexpr uint32_t kMaxFinite = kMax;
  static constexpr uint32_t kInfinity = kInf;  ///< kMax where the format has none
  static constexpr uint32_t kNan = kQuietNan;  ///< kMax where the format has none
  static constexpr uint32_t kSign = 1U << (kExponentBits + kMantissaBits);
};
using F16 = NarrowFormat<5, 10, 0x7bff, 0x7c00, 0x7fff>;
using Bf16 = NarrowFormat<8, 7, 0x7f7f, 0x7f80, 0x7fff>;
using E4m3 = NarrowFormat<4, 3, 0x7e, 0x7e, 0x7f>;
using E5m2 = NarrowFormat<5, 2, 0x7b, 0x7c, 0x7f>;
using E2m1 = NarrowFormat<2, 1, 0x7, 0x7, 0x7>;
using E2m3 = NarrowFormat<2, 3, 0x1f, 0x1f, 0x1f>;
using E3m2 = NarrowFormat<3, 2, 0x1f, 0x1f, 0x1f>;

/// `value` (float or double) to a code of format N.
template <class N, class T>
inline uint32_t narrow(T value, Rounding rounding = Rounding::nearest_even,
                       bool satfinite = false) {
  using U = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  using S = std::make_signed_t<U>;
  constexpr int kSourceMantissa = sizeof(T) == 4 ? 23 : 52;
  constexpr int kSourceBias = sizeof(T) == 4 ? 127 : 1023;
  constexpr U kExponentMask = sizeof(T) == 4 ? 0xff : 0x7ff;
  const U bits = __builtin_bit_cast(U, value);
  const bool negative = (bits >> (8 * sizeof(T) - 1)) != 0;
  const U fraction = bits & ((U{1} << kSourceMantissa) - 1);
  const U field = bits >> kSourceMantissa & kExponentMask;
  const bool is_nan = field == kExponentMask && fraction != 0;
  const U significand = field == 0 ? fraction : fraction | U{1} << kSourceMantissa;
  const S exponent = static_cast<S>(field == 0 ? 1 : field) - kSourceBias;
  constexpr S kMinExponent = 1 - N::kBias;
  const S below = exponent < kMinExponent ? kMinExponent - exponent : 0;
  const S wanted = kSourceMantissa - N::kMantissa + below;
  constexpr S kMaxShift = kSourceMantissa + 2;
  const auto shift = static_cast<U>(wanted > kMaxShift ? kMaxShift : wanted);
  const U kept = significand >> shift;
  const U rest = significand & ((U{1} << shift) - 1);
  const U half = (U{1} << shift) >> 1;
  bool up = false;
  switch (rounding) {
    case Rounding::nearest_even:
      up = rest > half || (rest == half && rest != 0 && (kept & 1) != 0);
      break;
    case Rounding::nearest_away:
      up = rest >= half && rest != 0;
      break;
    case Rounding::zero:
      break;
    case Rounding::down:
      up = negative && rest != 0;
      break;
    case Rounding::up:
      up = !negative && rest != 0;
      break;
  }
  // Beyond every target's range the exponent only has to stay large.
  const S capped = exponent > 2 * N::kBias + 2 ? 2 * N::kBias + 2 : exponent;
  const U base = below != 0 ? U{0} : static_cast<U>(capped + N::kBias - 1) << N::kMantissa;
  auto code = static_cast<uint32_t>(base + kept + static_cast<U>(up));
  const bool infinite = field == kExponentMask;
  if (code > N::kMaxFinite || infinite) {
    const bool truncates = rounding == Rounding::zero ||
                           (rounding == Rounding::down && !negative) ||
                           (rounding == Rounding::up && negative);
    code = satfinite || (truncates && !infinite) ? N::kMaxFinite : N::kInfinity;
  }
  if (is_nan) {
    return N::kNan;
  }
  return negative ? code | N::kSign : code;
}

/// The value of a code; exact in float for every narrow format.
template <class N>
inline float widen(uint32_t code) {
  const uint32_t magnitude = code & (N::kSign - 1);
  const uint32_t sign = (code & N::kSign) != 0 ? 0x80000000U : 0;
  const uint32_t field = magnitude >> N::kMantissa;
  const uint32_t fraction = magnitude & ((1U << N::kMantissa) - 1);
  if constexpr (N::kExponent == 8) {
    return __builtin_bit_cast(float, sign | magnitude << 16);
  } else {
    constexpr uint32_t kRebias = 127 - static_cast<uint32_t>(N::kBias);
    const uint32_t normal = (field + kRebias) << 23 | fraction << (23 - N::kMantissa);
    // Subnormal: fraction * 2^(1 - bias - mantissa), exact in float arithmetic.
    const float scale =
        __builtin_bit_cast(float, static_cast<uint32_t>(127 + 1 - N::kBias - N::kMantissa) << 23);
    const uint32_t small =
        __builtin_bit_cast(uint32_t, static_cast<float>(static_cast<int32_t>(fraction)) * scale);
    uint32_t bits = field == 0 ? small : normal;
    if constexpr (N::kInfinity != N::kMaxFinite) {
      bits = magnitude >= N::kInfinity ? 0x7f800000U | fraction << (23 - N::kMantissa) : bits;
    } else if constexpr (N::kNan != N::kMaxFinite) {
      bits = magnitude == N::kNan ? 0x7fffffffU : bits;
    }
    return __builtin_bit_cast(float, bits | sign);
  }
}

/// x + y rounded to odd: a later rounding to fewer bits is then the only one that counts.
inline double add_to_odd(double x, double y) {
  const double sum = x + y;
  const double y_part = sum - x;
  const double error = (x - (sum - y_part)) + (y - y_part);
  const auto bits = __builtin_bit_cast(uint64_t, sum);
  const bool finite = (bits >> 52 & 0x7ff) != 0x7ff;
  const bool adjust = finite && error != 0 && (bits & 1) == 0;
  const bool away = (error > 0) == (sum > 0);
  return __builtin_bit_cast(double, adjust ? (away ? bits + 1 : bits - 1) : bits);
}

inline float flush(float x) {
  const auto bits = __builtin_bit_cast(uint32_t, x);
  return __builtin_bit_cast(float, (bits & 0x7f800000U) == 0 ? bits & 0x80000000U : bits);
}
inline float canonical(float x) {
  return x != x ? __builtin_bit_cast(float, 0x7fffffffU) : x;
}
inline double canonical(double x) {
  return x;
}
/// [0, 1]; NaN becomes +0.
template <class T>
inline T saturate_unit(T x) {
  return x > T{0} ? (x < T{1} ? x : T{1}) : T{0};
}

/// Minimum or maximum by the PTX rules: -0 < +0, NaN only if both are NaN or `nan` is asked for.
template <class T>
inline T extremum(T x, T y, bool maximum, bool nan) {
  using U = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  const bool x_nan = x != x;
  const bool y_nan = y != y;
  const bool x_sign = (__builtin_bit_cast(U, x) >> (8 * sizeof(T) - 1)) != 0;
  const bool x_less = x < y || (x == y && x_sign);
  T result = x_less == maximum ? y : x;
  result = x_nan ? y : y_nan ? x : result;
  const bool gives_nan = (x_nan && y_nan) || (nan && (x_nan || y_nan));
  constexpr U kQuiet =
      sizeof(T) == 4 ? static_cast<U>(0x7fffffffU) : static_cast<U>(0x7fffffffffffffffULL);
  return gives_nan ? __builtin_bit_cast(T, kQuiet) : result;
}

/// 2^x to within 1e-14, so that its float is the correctly rounded one but for near-ties.
inline double exp2_double(double x) {
  const double clamped = x < -1100 ? -1100 : x > 1100 ? 1100 : x;
  constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  const double shifted = clamped + kMagic;
  const double whole = shifted - kMagic;
  const double t = (clamped - whole) * 0.693147180559945309417232;
  // The Taylor series of e^t for |t| <= 0.347.
  double p = 1.0 / 479001600;
  p = p * t + 1.0 / 39916800;
  p = p * t + 1.0 / 3628800;
  p = p * t + 1.0 / 362880;
  p = p * t + 1.0 / 40320;
  p = p * t + 1.0 / 5040;
  p = p * t + 1.0 / 720;
  p = p * t + 1.0 / 120;
  p = p * t + 1.0 / 24;
  p = p * t + 1.0 / 6;
  p = p * t + 0.5;
  p = p * t + 1.0;
  p = p * t + 1.0;
  // Two factors keep each exponent in range; floats underflow far above 2^-1022.
  const auto n = static_cast<int64_t>(__builtin_bit_cast(uint64_t, shifted) << 13) >> 13;
  const int64_t first = n / 2;
  const double scale1 = __builtin_bit_cast(double, static_cast<uint64_t>(first + 1023) << 52);
  const double scale2 = __builtin_bit_cast(double, static_cast<uint64_t>(n - first + 1023) << 52);
  return x != x ? x : p * scale1 * scale2;
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

// f32 and f64 arithmetic: PTX ISA 9.0 section 9.7.3. The .approx and .full forms are rounded
// correctly (or within 1e-14 before rounding), which their error bounds allow.
#include "emulator/exec/lane_formats.hpp"

#include <cfenv>
#include <cmath>

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

// log2(x) of a float to within 1e-14 of its value, so that its float is the correctly rounded one
// but for near-ties: the exponent, and of m in [sqrt(1/2), sqrt(2)) the series of
// 2 artanh((m - 1) / (m + 1)) / ln(2).
inline double log2_double(double x) {
  constexpr uint64_t kMantissa = 0x000fffffffffffffULL;
  constexpr uint64_t kHalf = 0x3fe0000000000000ULL;  // 0.5
  constexpr uint64_t kRoot = 0x3fe6a09e667f3bcdULL;  // sqrt(1/2)
  const auto bits = __builtin_bit_cast(uint64_t, x);
  const uint64_t in_half = (bits & kMantissa) | kHalf;  // in [0.5, 1)
  const bool is_low = in_half < kRoot;
  const double m = __builtin_bit_cast(double, in_half + (is_low ? kMantissa + 1 : 0));
  const auto exponent = static_cast<int64_t>(bits >> 52 & 0x7ff) - 1022 - (is_low ? 1 : 0);
  const double f = (m - 1.0) / (m + 1.0);
  const double s = f * f;
  double p = 1.0 / 21;
  p = p * s + 1.0 / 19;
  p = p * s + 1.0 / 17;
  p = p * s + 1.0 / 15;
  p = p * s + 1.0 / 13;
  p = p * s + 1.0 / 11;
  p = p * s + 1.0 / 9;
  p = p * s + 1.0 / 7;
  p = p * s + 1.0 / 5;
  p = p * s + 1.0 / 3;
  p = p * s + 1.0;
  constexpr double kTwoOverLn2 = 2.88539008177792681471984936;
  const double finite = static_cast<double>(exponent) + kTwoOverLn2 * f * p;
  constexpr double kInfinity = __builtin_huge_val();
  return x == 0 ? -kInfinity : x < 0 ? __builtin_nan("") : x < kInfinity ? finite : x;
}

template <FloatOp kOp, class T>
T compute(T x, T y, T z) {
  using enum FloatOp;
  if constexpr (kOp == add) {
    return canonical(x + y);
  } else if constexpr (kOp == sub) {
    return canonical(x - y);
  } else if constexpr (kOp == mul) {
    return canonical(x * y);
  } else if constexpr (kOp == fma) {
    return canonical(sizeof(T) == 4
                         ? static_cast<T>(__builtin_fmaf(
                               static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)))
                         : static_cast<T>(__builtin_fma(x, y, z)));
  } else if constexpr (kOp == div) {
    return canonical(x / y);
  } else if constexpr (kOp == rcp) {
    return canonical(T{1} / x);
  } else if constexpr (kOp == FloatOp::sqrt) {
    return canonical(sizeof(T) == 4 ? static_cast<T>(__builtin_sqrtf(static_cast<float>(x)))
                                    : static_cast<T>(__builtin_sqrt(x)));
  } else if constexpr (kOp == rsqrt) {
    return canonical(static_cast<T>(1.0 / __builtin_sqrt(static_cast<double>(x))));
  } else if constexpr (kOp == ex2) {
    return canonical(static_cast<T>(exp2_double(static_cast<double>(x))));
  } else if constexpr (kOp == lg2) {
    return canonical(static_cast<T>(log2_double(static_cast<double>(x))));
  } else if constexpr (kOp == FloatOp::sin) {
    return canonical(static_cast<T>(::sin(static_cast<double>(x))));
  } else if constexpr (kOp == FloatOp::cos) {
    return canonical(static_cast<T>(::cos(static_cast<double>(x))));
  } else {
    static_assert(kOp == FloatOp::tanh);
    return canonical(static_cast<T>(::tanh(static_cast<double>(x))));
  }
}

constexpr int operand_count(FloatOp op) {
  switch (op) {
    case FloatOp::add:
    case FloatOp::sub:
    case FloatOp::mul:
    case FloatOp::div:
      return 2;
    case FloatOp::fma:
      return 3;
    default:
      return 1;
  }
}

template <class T, uint32_t kLanes>
void commit_elements(LaneContext& lanes, const Op& op, uint32_t mask, const Word<T>* result) {
  if constexpr (kLanes == kWarpSize) {
    commit(destination<Word<T>>(lanes, op.dst), result, mask);
  } else {
    alignas(64) uint64_t pairs[kWarpSize];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      pairs[lane] = result[2 * lane] | static_cast<uint64_t>(result[2 * lane + 1]) << 32;
    }
    commit(destination<uint64_t>(lanes, op.dst), pairs, mask);
  }
}

// kLanes is 64 for f32x2: two floats a lane, and a mask bit covers both.
template <FloatOp kOp, class T, bool kFtz, uint32_t kLanes>
void rounded(LaneContext& lanes, const Op& op, uint32_t mask) {
  const auto* a = source<T>(lanes, op.a);
  const auto* b = operand_count(kOp) > 1 ? source<T>(lanes, op.b) : a;
  const auto* c = operand_count(kOp) > 2 ? source<T>(lanes, op.c) : a;
  alignas(64) Word<T> result[kLanes];
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    T x = from_word<T>(a[lane]);
    T y = from_word<T>(b[lane]);
    T z = from_word<T>(c[lane]);
    if constexpr (kFtz) {
      result[lane] = to_word<T>(flush(compute<kOp, T>(flush(x), flush(y), flush(z))));
    } else {
      result[lane] = to_word<T>(compute<kOp, T>(x, y, z));
    }
  }
  if ((op.flags & op_flags::kSaturate) != 0) {
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      result[lane] = to_word<T>(saturate_unit(from_word<T>(result[lane])));
    }
  }
  commit_elements<T, kLanes>(lanes, op, mask, result);
}
template <FloatOp kOp, class T, uint32_t kLanes = kWarpSize>
void arithmetic(LaneContext& lanes, const Op& op, uint32_t mask) {
  if constexpr (sizeof(T) == 4) {
    if ((op.flags & op_flags::kFtz) != 0) {
      rounded<kOp, T, true, kLanes>(lanes, op, mask);
      return;
    }
  }
  rounded<kOp, T, false, kLanes>(lanes, op, mask);
}

int host_rounding(uint8_t mode) {
  switch (static_cast<Rounding>(mode)) {
    case Rounding::zero:
      return FE_TOWARDZERO;
    case Rounding::down:
      return FE_DOWNWARD;
    case Rounding::up:
      return FE_UPWARD;
    default:
      return FE_TONEAREST;
  }
}

// Directed rounding by the host's own mode; volatile keeps the arithmetic between the two calls.
template <FloatOp kOp, class T, uint32_t kLanes = kWarpSize>
void directed(LaneContext& lanes, const Op& op, uint32_t mask) {
  const auto* a = source<T>(lanes, op.a);
  const auto* b = operand_count(kOp) > 1 ? source<T>(lanes, op.b) : a;
  const auto* c = operand_count(kOp) > 2 ? source<T>(lanes, op.c) : a;
  const bool ftz = sizeof(T) == 4 && (op.flags & op_flags::kFtz) != 0;
  const auto flushed = [=](T value) {
    return ftz ? static_cast<T>(flush(static_cast<float>(value))) : value;
  };
  alignas(64) Word<T> result[kLanes];
  const int previous = std::fegetround();
  std::fesetround(host_rounding(op.mode));
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    volatile T x = flushed(from_word<T>(a[lane]));
    volatile T y = flushed(from_word<T>(b[lane]));
    volatile T z = flushed(from_word<T>(c[lane]));
    volatile T value = compute<kOp, T>(x, y, z);
    T kept = flushed(value);
    result[lane] = to_word<T>((op.flags & op_flags::kSaturate) != 0 ? saturate_unit(kept) : kept);
  }
  std::fesetround(previous);
  commit_elements<T, kLanes>(lanes, op, mask, result);
}

template <FloatOp kOp, class T>
void sign_and_order(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum FloatOp;
  using U = Word<T>;
  constexpr U kSign = U{1} << (8 * sizeof(T) - 1);
  const bool ftz = sizeof(T) == 4 && (op.flags & op_flags::kFtz) != 0;
  const auto in = [=](T value) {
    return ftz ? static_cast<T>(flush(static_cast<float>(value))) : value;
  };
  const auto magnitude = [](T value) {
    return __builtin_bit_cast(T, static_cast<U>(__builtin_bit_cast(U, value) & ~kSign));
  };
  if constexpr (kOp == FloatOp::abs) {
    map1<T, T>(lanes, op, mask, [in, magnitude](T x) { return magnitude(in(x)); });
  } else if constexpr (kOp == neg) {
    map1<T, T>(lanes, op, mask, [in](T x) {
      return __builtin_bit_cast(T, static_cast<U>(__builtin_bit_cast(U, in(x)) ^ kSign));
    });
  } else if constexpr (kOp == FloatOp::copysign) {
    map2<T, T, T>(lanes, op, mask, [](T x, T y) {
      return __builtin_bit_cast(T, static_cast<U>((__builtin_bit_cast(U, y) & ~kSign) |
                                                  (__builtin_bit_cast(U, x) & kSign)));
    });
  } else {
    constexpr bool kMaximum = kOp == max || kOp == max3;
    const bool nan = (op.flags & op_flags::kNan) != 0;
    const bool xorsign = (op.flags & op_flags::kXorSign) != 0;
    if constexpr (kOp == min || kOp == max) {
      map2<T, T, T>(lanes, op, mask, [in, nan, xorsign, magnitude](T x, T y) {
        if (!xorsign) {
          return extremum<T>(in(x), in(y), kMaximum, nan);
        }
        const U sign = (__builtin_bit_cast(U, x) ^ __builtin_bit_cast(U, y)) & kSign;
        const T chosen = extremum<T>(magnitude(in(x)), magnitude(in(y)), kMaximum, nan);
        return __builtin_bit_cast(T, static_cast<U>(__builtin_bit_cast(U, chosen) | sign));
      });
    } else {
      // .abs: the magnitudes of all three.
      const U sign = xorsign ? kSign : U{0};
      const auto each = [in, sign](T x) {
        return __builtin_bit_cast(T, static_cast<U>(__builtin_bit_cast(U, in(x)) & ~sign));
      };
      map3<T, T, T, T>(lanes, op, mask, [each, nan](T x, T y, T z) {
        return extremum<T>(extremum<T>(each(x), each(y), kMaximum, nan), each(z), kMaximum, nan);
      });
    }
  }
}

template <FloatOp kOp>
Handler both_types(ptx::Type type, Rounding rounding) {
  const bool nearest = rounding == Rounding::nearest_even;
  switch (type) {
    case ptx::Type::f32:
      return nearest ? arithmetic<kOp, float> : directed<kOp, float>;
    case ptx::Type::f64:
      return nearest ? arithmetic<kOp, double> : directed<kOp, double>;
    case ptx::Type::f32x2:
      if constexpr (kOp == FloatOp::add || kOp == FloatOp::sub || kOp == FloatOp::mul ||
                    kOp == FloatOp::fma) {
        return nearest ? arithmetic<kOp, float, 2 * kWarpSize>
                       : directed<kOp, float, 2 * kWarpSize>;
      }
      return nullptr;
    default:
      return nullptr;
  }
}
template <FloatOp kOp>
Handler approximate(ptx::Type type) {
  switch (type) {
    case ptx::Type::f32:
      return arithmetic<kOp, float>;
    case ptx::Type::f64:
      return kOp == FloatOp::rsqrt ? arithmetic<FloatOp::rsqrt, double> : nullptr;
    default:
      return nullptr;
  }
}
template <FloatOp kOp>
Handler ordering(ptx::Type type) {
  switch (type) {
    case ptx::Type::f32:
      return sign_and_order<kOp, float>;
    case ptx::Type::f64:
      return sign_and_order<kOp, double>;
    default:
      return nullptr;
  }
}

}  // namespace

Handler float_handler(FloatOp op, ptx::Type type, Rounding rounding) {
  using enum FloatOp;
  switch (op) {
    case add:
      return both_types<add>(type, rounding);
    case sub:
      return both_types<sub>(type, rounding);
    case mul:
      return both_types<mul>(type, rounding);
    case fma:
      return both_types<fma>(type, rounding);
    case div:
      return both_types<div>(type, rounding);
    case rcp:
      return both_types<rcp>(type, rounding);
    case FloatOp::sqrt:
      return both_types<FloatOp::sqrt>(type, rounding);
    case rsqrt:
      return approximate<rsqrt>(type);
    case ex2:
      return approximate<ex2>(type);
    case lg2:
      return approximate<lg2>(type);
    case FloatOp::sin:
      return approximate<FloatOp::sin>(type);
    case FloatOp::cos:
      return approximate<FloatOp::cos>(type);
    case FloatOp::tanh:
      return approximate<FloatOp::tanh>(type);
    case FloatOp::abs:
      return ordering<FloatOp::abs>(type);
    case neg:
      return ordering<neg>(type);
    case min:
      return ordering<min>(type);
    case max:
      return ordering<max>(type);
    case min3:
      return ordering<min3>(type);
    case max3:
      return ordering<max3>(type);
    case FloatOp::copysign:
      return ordering<FloatOp::copysign>(type);
  }
  return nullptr;
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

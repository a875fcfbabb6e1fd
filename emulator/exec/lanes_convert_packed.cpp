// cvt of pairs (f16x2, bf16x2, 8-, 6- and 4-bit formats) and to tf32: PTX ISA 9.0 section 9.7.9.22.
#include "emulator/exec/lane_formats.hpp"

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

using ptx::Type;

// d = {narrow(a), narrow(b)}: a in the upper part.
template <class N, uint32_t kShift>
void float_pair(LaneContext& lanes, const Op& op, uint32_t mask) {
  const bool relu = (op.flags & op_flags::kRelu) != 0;
  const bool satfinite = (op.flags & op_flags::kSaturate) != 0;
  const auto one = [relu, satfinite](float x, Rounding rounding) {
    const uint32_t code = narrow<N>(x, rounding, satfinite);
    return relu && (code & N::kSign) != 0 ? 0U : code;
  };
  if (static_cast<Rounding>(op.mode) == Rounding::nearest_even) {
    map2<uint32_t, float, float>(lanes, op, mask, [one](float high, float low) {
      return one(high, Rounding::nearest_even) << kShift | one(low, Rounding::nearest_even);
    });
  } else {
    map2<uint32_t, float, float>(lanes, op, mask, [one](float high, float low) {
      return one(high, Rounding::zero) << kShift | one(low, Rounding::zero);
    });
  }
}
// Pairs between f16x2 and a pair of 8-bit codes.
template <class N>
void half_pair_to_codes(LaneContext& lanes, const Op& op, uint32_t mask) {
  const bool relu = (op.flags & op_flags::kRelu) != 0;
  map1<uint32_t, uint32_t>(lanes, op, mask, [relu](uint32_t x) {
    const auto one = [relu](uint32_t code16) {
      const uint32_t code = narrow<N>(widen<F16>(code16), Rounding::nearest_even, true);
      return relu && (code & N::kSign) != 0 ? 0U : code;
    };
    return one(x >> 16) << 8 | one(x & 0xffff);
  });
}
template <class N, uint32_t kShift>
void codes_to_half_pair(LaneContext& lanes, const Op& op, uint32_t mask) {
  const bool relu = (op.flags & op_flags::kRelu) != 0;
  map1<uint32_t, uint32_t>(lanes, op, mask, [relu](uint32_t x) {
    const auto one = [relu](uint32_t code) {
      const uint32_t half = narrow<F16>(widen<N>(code));
      return relu && (half & F16::kSign) != 0 ? 0U : half;
    };
    constexpr uint32_t kCode = (1U << kShift) - 1;
    return one(x >> kShift & kCode) << 16 | one(x & kCode);
  });
}
// .rs: what is cut off decides with its random bits, the highest below the last bit kept, whether
// the value grows. kBits of them are random.
template <class N, int kBits>
uint32_t narrow_stochastic(float value, uint32_t random, uint8_t flags) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  const bool negative = bits >> 31 != 0;
  const uint32_t field = bits >> 23 & 0xff;
  const uint32_t fraction = bits & 0x7fffff;
  const bool relu = (flags & op_flags::kRelu) != 0;
  if (field == 0xff && fraction != 0) {
    return N::kNan;
  }
  const int exponent = static_cast<int>(field == 0 ? 1 : field) - 127;
  const int below = exponent < 1 - N::kBias ? 1 - N::kBias - exponent : 0;
  const int wanted = 23 - N::kMantissa + below;
  // Beyond this the random bits cannot carry into the result.
  const int shift = wanted > 60 ? 60 : wanted;
  const uint64_t significand = field == 0 ? fraction : fraction | 0x800000U;
  const uint64_t sum = significand + (static_cast<uint64_t>(random) << (shift - kBits));
  const uint64_t kept = sum >> shift;
  const int capped = exponent > 2 * N::kBias + 2 ? 2 * N::kBias + 2 : exponent;
  const uint64_t base =
      below != 0 ? 0 : static_cast<uint64_t>(capped + N::kBias - 1) << N::kMantissa;
  auto code = static_cast<uint32_t>(base + kept);
  if (code > N::kMaxFinite || field == 0xff) {
    code = (flags & op_flags::kSaturate) != 0 ? N::kMaxFinite : N::kInfinity;
  }
  return negative ? (relu ? 0U : code | N::kSign) : code;
}
template <class N, int kBits>
void stochastic_pair(LaneContext& lanes, const Op& op, uint32_t mask) {
  constexpr uint32_t kRandom = (1U << kBits) - 1;
  const uint8_t flags = op.flags;
  map3<uint32_t, float, float, uint32_t>(
      lanes, op, mask, [flags](float high, float low, uint32_t random) {
        return narrow_stochastic<N, kBits>(high, random >> 16 & kRandom, flags) << 16 |
               narrow_stochastic<N, kBits>(low, random & kRandom, flags);
      });
}
// {a, b, e, f}, a in the highest bits. Two of the values share 16 random bits: a and b the upper
// half of the operand, e and f the lower; of e2m1 the upper and the lower bytes of both halves.
template <class N, uint32_t kCodeBits>
void stochastic_four(LaneContext& lanes, const Op& op, uint32_t mask) {
  const auto* const random = source<uint32_t>(lanes, static_cast<Ref>(op.immediate));
  const uint32_t* const values[] = {source<float>(lanes, op.a), source<float>(lanes, op.b),
                                    source<float>(lanes, op.c), source<float>(lanes, op.d)};
  alignas(64) uint32_t result[kWarpSize];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const uint32_t bits = random[lane];
    const bool bytes = kCodeBits == 4;
    const uint32_t upper = bytes ? (bits >> 16 & 0xff00) | (bits >> 8 & 0xff) : bits >> 16;
    const uint32_t lower = bytes ? (bits >> 8 & 0xff00) | (bits & 0xff) : bits & 0xffff;
    uint32_t packed = 0;
    for (uint32_t i = 0; i < 4; ++i) {
      const auto value = __builtin_bit_cast(float, values[i][lane]);
      packed =
          packed << kCodeBits | narrow_stochastic<N, 16>(value, i < 2 ? upper : lower, op.flags);
    }
    result[lane] = packed;
  }
  commit(destination<uint32_t>(lanes, op.dst), result, mask);
}
Handler stochastic_handler(Type to) {
  switch (to) {
    case Type::f16x2:
      return stochastic_pair<F16, 13>;
    case Type::bf16x2:
      return stochastic_pair<Bf16, 16>;
    case Type::e4m3x4:
      return stochastic_four<E4m3, 8>;
    case Type::e5m2x4:
      return stochastic_four<E5m2, 8>;
    case Type::e2m3x4:
      return stochastic_four<E2m3, 8>;
    case Type::e3m2x4:
      return stochastic_four<E3m2, 8>;
    case Type::e2m1x4:
      return stochastic_four<E2m1, 4>;
    default:
      return nullptr;
  }
}

// ue8m0: 2^(code - 127) of the magnitude, 0xff is NaN; .rp goes up to the next power of two.
uint32_t to_power_of_two(float value, bool up, bool satfinite) {
  constexpr uint32_t kNan = 0xff;
  const uint32_t bits = __builtin_bit_cast(uint32_t, value) & 0x7fffffffU;
  if (bits > 0x7f800000U) {
    return kNan;
  }
  const uint32_t field = bits >> 23;
  // Below 2^-126 lies 2^-127 alone.
  const bool between = field == 0 ? bits > 0x00400000U : (bits & 0x7fffff) != 0;
  const uint32_t code = field + static_cast<uint32_t>(up && between);
  return satfinite && code >= kNan ? kNan - 1 : code;
}
void float_pair_to_powers(LaneContext& lanes, const Op& op, uint32_t mask) {
  const bool up = static_cast<Rounding>(op.mode) == Rounding::up;
  const bool satfinite = (op.flags & op_flags::kSaturate) != 0;
  map2<uint32_t, float, float>(lanes, op, mask, [=](float high, float low) {
    return to_power_of_two(high, up, satfinite) << 8 | to_power_of_two(low, up, satfinite);
  });
}
void bf16_pair_to_powers(LaneContext& lanes, const Op& op, uint32_t mask) {
  const bool up = static_cast<Rounding>(op.mode) == Rounding::up;
  const bool satfinite = (op.flags & op_flags::kSaturate) != 0;
  map1<uint32_t, uint32_t>(lanes, op, mask, [=](uint32_t x) {
    return to_power_of_two(widen<Bf16>(x >> 16), up, satfinite) << 8 |
           to_power_of_two(widen<Bf16>(x & 0xffff), up, satfinite);
  });
}
void powers_to_bf16_pair(LaneContext& lanes, const Op& op, uint32_t mask) {
  map1<uint32_t, uint32_t>(lanes, op, mask, [](uint32_t x) {
    const auto one = [](uint32_t code) {
      return code == 0xff ? Bf16::kNan : code == 0 ? 0x0040U : code << 7;
    };
    return one(x >> 8 & 0xff) << 16 | one(x & 0xff);
  });
}

// tf32: a binary32 with ten fraction bits.
void float_to_tf32(LaneContext& lanes, const Op& op, uint32_t mask) {
  const auto rounding = static_cast<Rounding>(op.mode);
  const bool relu = (op.flags & op_flags::kRelu) != 0;
  const bool satfinite = (op.flags & op_flags::kSaturate) != 0;
  using Tf32 = NarrowFormat<8, 10, 0x3fbff, 0x3fc00, 0x3ffff>;
  map1<uint32_t, float>(lanes, op, mask, [=](float x) {
    const uint32_t bits = narrow<Tf32>(x, rounding, satfinite) << 13;
    return relu && (bits >> 31) != 0 ? 0U : bits;
  });
}

}  // namespace

Handler packed_convert_handler(const ConvertSpec& spec) {
  if (spec.stochastic) {
    return stochastic_handler(spec.to);
  }
  if (spec.to == Type::ue8m0x2) {
    return spec.from == Type::f32      ? float_pair_to_powers
           : spec.from == Type::bf16x2 ? bf16_pair_to_powers
                                       : nullptr;
  }
  if (spec.to == Type::bf16x2 && spec.from == Type::ue8m0x2) {
    return powers_to_bf16_pair;
  }
  if (spec.from == Type::f32) {
    switch (spec.to) {
      case Type::f16x2:
        return float_pair<F16, 16>;
      case Type::bf16x2:
        return float_pair<Bf16, 16>;
      case Type::e4m3x2:
        return float_pair<E4m3, 8>;
      case Type::e5m2x2:
        return float_pair<E5m2, 8>;
      case Type::e2m1x2:
        return float_pair<E2m1, 4>;
      case Type::e2m3x2:
        return float_pair<E2m3, 8>;
      case Type::e3m2x2:
        return float_pair<E3m2, 8>;
      case Type::tf32:
        return float_to_tf32;
      default:
        return nullptr;
    }
  }
  if (spec.from == Type::f16x2) {
    return spec.to == Type::e4m3x2   ? half_pair_to_codes<E4m3>
           : spec.to == Type::e5m2x2 ? half_pair_to_codes<E5m2>
                                     : nullptr;
  }
  if (spec.to == Type::f16x2) {
    switch (spec.from) {
      case Type::e4m3x2:
        return codes_to_half_pair<E4m3, 8>;
      case Type::e5m2x2:
        return codes_to_half_pair<E5m2, 8>;
      case Type::e2m1x2:
        return codes_to_half_pair<E2m1, 4>;
      case Type::e2m3x2:
        return codes_to_half_pair<E2m3, 8>;
      case Type::e3m2x2:
        return codes_to_half_pair<E3m2, 8>;
      default:
        return nullptr;
    }
  }
  return nullptr;
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

// cvt: PTX ISA 9.0 section 9.7.9.22. Every pair of types goes through one of three exact
// intermediates (int64, uint64, binary64) and is rounded once; hot pairs have their own loops.
#include "emulator/exec/lane_formats.hpp"

#include <limits>

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

using ptx::Type;

struct Loaded {
  enum class Kind : uint8_t { integer, unsigned_integer, real } kind;
  alignas(64) int64_t integers[kWarpSize];
  alignas(64) double reals[kWarpSize];
};

template <class T>
void load_integers(Loaded& loaded, const LaneContext& lanes, Ref ref) {
  const auto* a = source<T>(lanes, ref);
  loaded.kind =
      std::is_signed_v<T> || sizeof(T) < 8 ? Loaded::Kind::integer : Loaded::Kind::unsigned_integer;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    loaded.integers[lane] = static_cast<int64_t>(static_cast<T>(a[lane]));
  }
}
template <class N>
void load_narrow(Loaded& loaded, const LaneContext& lanes, Ref ref) {
  const auto* a = source<uint32_t>(lanes, ref);
  loaded.kind = Loaded::Kind::real;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    loaded.reals[lane] = static_cast<double>(widen<N>(a[lane] & 0xffff));
  }
}
template <class T>
void load_reals(Loaded& loaded, const LaneContext& lanes, Ref ref, bool ftz) {
  const auto* a = source<T>(lanes, ref);
  loaded.kind = Loaded::Kind::real;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    T value = from_word<T>(a[lane]);
    if constexpr (sizeof(T) == 4) {
      value = ftz ? flush(value) : value;
    }
    loaded.reals[lane] = static_cast<double>(value);
  }
}

void load(Loaded& loaded, const LaneContext& lanes, Ref ref, Type type, bool ftz) {
  switch (type) {
    case Type::u8:
    case Type::b8:
      load_integers<uint8_t>(loaded, lanes, ref);
      break;
    case Type::s8:
      load_integers<int8_t>(loaded, lanes, ref);
      break;
    case Type::u16:
    case Type::b16:
      load_integers<uint16_t>(loaded, lanes, ref);
      break;
    case Type::s16:
      load_integers<int16_t>(loaded, lanes, ref);
      break;
    case Type::u32:
    case Type::b32:
      load_integers<uint32_t>(loaded, lanes, ref);
      break;
    case Type::s32:
      load_integers<int32_t>(loaded, lanes, ref);
      break;
    case Type::u64:
    case Type::b64:
      load_integers<uint64_t>(loaded, lanes, ref);
      break;
    case Type::s64:
      load_integers<int64_t>(loaded, lanes, ref);
      break;
    case Type::f16:
      load_narrow<F16>(loaded, lanes, ref);
      break;
    case Type::bf16:
      load_narrow<Bf16>(loaded, lanes, ref);
      break;
    case Type::f32:
      load_reals<float>(loaded, lanes, ref, ftz);
      break;
    default:
      load_reals<double>(loaded, lanes, ref, false);
      break;
  }
}

double round_integral(double x, Rounding rounding) {
  switch (rounding) {
    case Rounding::zero:
      return __builtin_trunc(x);
    case Rounding::down:
      return __builtin_floor(x);
    case Rounding::up:
      return __builtin_ceil(x);
    default: {
      // Ties to even without touching the host's rounding mode; beyond 2^52 all are integers.
      const double magnitude = __builtin_fabs(x);
      const double rounded = magnitude < 4503599627370496.0
                                 ? (magnitude + 4503599627370496.0) - 4503599627370496.0
                                 : magnitude;
      return __builtin_copysign(rounded, x);
    }
  }
}

// Real to integer: rounded, then clamped to the range of D; NaN gives 0 (or the most negative or
// all-ones pattern is unspecified; NVIDIA documents 0 for types up to 32 bits).
template <class D>
D to_integer(double x, Rounding rounding) {
  const double value = round_integral(x, rounding);
  constexpr auto kLow = std::numeric_limits<D>::min();
  constexpr auto kHigh = std::numeric_limits<D>::max();
  if (value != value) {
    return sizeof(D) == 8 ? static_cast<D>(uint64_t{1} << 63) : D{0};
  }
  if (value <= static_cast<double>(kLow)) {
    return kLow;
  }
  if (value >= static_cast<double>(kHigh)) {
    return kHigh;
  }
  return static_cast<D>(value);
}

template <class D>
D from_integer(int64_t x, bool is_unsigned, bool saturate) {
  if (!saturate) {
    return static_cast<D>(x);
  }
  constexpr auto kLow = std::numeric_limits<D>::min();
  constexpr auto kHigh = std::numeric_limits<D>::max();
  if (is_unsigned || x > 0) {
    return static_cast<uint64_t>(x) > static_cast<uint64_t>(kHigh) ? kHigh : static_cast<D>(x);
  }
  return x < static_cast<int64_t>(kLow) || (kLow == 0 && x < 0) ? kLow : static_cast<D>(x);
}

// `wide` is the width of the destination register; integers are extended to it by their sign.
template <class D>
void store_integers(LaneContext& lanes, const Op& op, uint32_t mask, const Loaded& loaded,
                    Rounding rounding) {
  const bool saturate = (op.flags & op_flags::kSaturate) != 0;
  const bool is_unsigned = loaded.kind == Loaded::Kind::unsigned_integer;
  alignas(64) uint64_t result[kWarpSize];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const D value = loaded.kind == Loaded::Kind::real
                        ? to_integer<D>(loaded.reals[lane], rounding)
                        : from_integer<D>(loaded.integers[lane], is_unsigned, saturate);
    result[lane] = static_cast<uint64_t>(static_cast<int64_t>(value));
  }
  if (op.size == 8) {
    commit(destination<uint64_t>(lanes, op.dst), result, mask);
  } else {
    const uint64_t keep = op.size == 2 ? 0xffff : 0xffffffffU;
    alignas(64) uint32_t words[kWarpSize];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      words[lane] = static_cast<uint32_t>(result[lane] & keep);
    }
    commit(destination<uint32_t>(lanes, op.dst), words, mask);
  }
}

// An integer becomes a binary64 that rounds to fewer bits as the integer would (round to odd).
double odd_double(int64_t x, bool is_unsigned) {
  const bool negative = !is_unsigned && x < 0;
  uint64_t magnitude = negative ? uint64_t{0} - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
  if (magnitude >> 53 != 0) {
    magnitude = (magnitude & 0x7ff) != 0 ? (magnitude & ~uint64_t{0x7ff}) | 0x800 : magnitude;
  }
  const auto value = static_cast<double>(magnitude);
  return negative ? -value : value;
}

// binary64 to binary32 under any rounding, with one rounding.
uint32_t to_float_bits(double x, Rounding rounding) {
  using F32 = NarrowFormat<8, 23, 0x7f7fffffU, 0x7f800000U, 0x7fffffffU>;
  return rounding == Rounding::nearest_even
             ? __builtin_bit_cast(uint32_t, canonical(static_cast<float>(x)))
             : narrow<F32>(x, rounding);
}

void to_reals(double* reals, const Loaded& loaded) {
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    reals[lane] =
        loaded.kind == Loaded::Kind::real
            ? loaded.reals[lane]
            : odd_double(loaded.integers[lane], loaded.kind == Loaded::Kind::unsigned_integer);
  }
}

template <class F>
void store_words(LaneContext& lanes, const Op& op, uint32_t mask, F function) {
  alignas(64) uint32_t result[kWarpSize];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    result[lane] = function(lane);
  }
  commit(destination<uint32_t>(lanes, op.dst), result, mask);
}

void store_f64(LaneContext& lanes, const Op& op, uint32_t mask, const Loaded& loaded,
               Rounding rounding) {
  alignas(64) uint64_t result[kWarpSize];
  using F64 = uint64_t;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    double value = loaded.reals[lane];
    if (loaded.kind != Loaded::Kind::real) {
      const int64_t x = loaded.integers[lane];
      const bool is_unsigned = loaded.kind == Loaded::Kind::unsigned_integer;
      const bool negative = !is_unsigned && x < 0;
      const uint64_t magnitude = negative ? F64{0} - static_cast<F64>(x) : static_cast<F64>(x);
      value = static_cast<double>(magnitude);
      // Directed rounding: step from the nearest to the neighbour on the wanted side.
      const bool exact = magnitude <= (F64{1} << 53);
      const bool rounded_up =
          !exact && (value >= 18446744073709551616.0 || static_cast<F64>(value) > magnitude);
      const bool rounded_down = !exact && !rounded_up && static_cast<F64>(value) < magnitude;
      const bool wants_down = rounding == Rounding::zero ||
                              (rounding == Rounding::down && !negative) ||
                              (rounding == Rounding::up && negative);
      const bool wants_up =
          (rounding == Rounding::up && !negative) || (rounding == Rounding::down && negative);
      const auto bits = __builtin_bit_cast(F64, value);
      value = __builtin_bit_cast(double, rounded_up&& wants_down   ? bits - 1
                                         : rounded_down&& wants_up ? bits + 1
                                                                   : bits);
      value = negative ? -value : value;
    }
    result[lane] = __builtin_bit_cast(
        F64, (op.flags & op_flags::kSaturate) != 0 ? saturate_unit(value) : value);
  }
  commit(destination<uint64_t>(lanes, op.dst), result, mask);
}

template <class N>
void store_narrow(LaneContext& lanes, const Op& op, uint32_t mask, const double* reals,
                  Rounding rounding) {
  const bool saturate = (op.flags & op_flags::kSaturate) != 0;
  const bool relu = (op.flags & op_flags::kRelu) != 0;
  store_words(lanes, op, mask, [=](uint32_t lane) {
    const double x = saturate ? saturate_unit(reals[lane]) : reals[lane];
    const uint32_t code = narrow<N>(x, rounding);
    return relu && (code & N::kSign) != 0 ? 0U : code;
  });
}

void general(LaneContext& lanes, const Op& op, uint32_t mask) {
  const ConvertSpec spec = ConvertSpec::unpack(op.immediate);
  const bool ftz = (op.flags & op_flags::kFtz) != 0;
  Loaded loaded;
  load(loaded, lanes, op.a, spec.from, ftz);
  switch (spec.to) {
    case Type::u8:
      store_integers<uint8_t>(lanes, op, mask, loaded, spec.rounding);
      return;
    case Type::s8:
      store_integers<int8_t>(lanes, op, mask, loaded, spec.rounding);
      return;
    case Type::u16:
      store_integers<uint16_t>(lanes, op, mask, loaded, spec.rounding);
      return;
    case Type::s16:
      store_integers<int16_t>(lanes, op, mask, loaded, spec.rounding);
      return;
    case Type::u32:
      store_integers<uint32_t>(lanes, op, mask, loaded, spec.rounding);
      return;
    case Type::s32:
      store_integers<int32_t>(lanes, op, mask, loaded, spec.rounding);
      return;
    case Type::u64:
      store_integers<uint64_t>(lanes, op, mask, loaded, spec.rounding);
      return;
    case Type::s64:
      store_integers<int64_t>(lanes, op, mask, loaded, spec.rounding);
      return;
    default:
      break;
  }
  if (spec.to_integral && loaded.kind == Loaded::Kind::real) {
    for (double& value : loaded.reals) {
      value = round_integral(value, spec.rounding);
    }
  }
  if (spec.to == Type::f64) {
    store_f64(lanes, op, mask, loaded, spec.rounding);
    return;
  }
  alignas(64) double reals[kWarpSize];
  to_reals(reals, loaded);
  const Rounding rounding = spec.to_integral ? Rounding::nearest_even : spec.rounding;
  if (spec.to == Type::f16) {
    store_narrow<F16>(lanes, op, mask, reals, rounding);
  } else if (spec.to == Type::bf16) {
    store_narrow<Bf16>(lanes, op, mask, reals, rounding);
  } else {
    const bool saturate = (op.flags & op_flags::kSaturate) != 0;
    const double* values = reals;
    store_words(lanes, op, mask, [=](uint32_t lane) {
      const double x = saturate ? saturate_unit(values[lane]) : values[lane];
      const auto bits = to_float_bits(x, rounding);
      return ftz && (bits & 0x7f800000U) == 0 ? bits & 0x80000000U : bits;
    });
  }
}

// Hot pairs without modifiers.
template <class D, class S>
void integer_to_integer(LaneContext& lanes, const Op& op, uint32_t mask) {
  map1<D, S>(lanes, op, mask, [](S x) { return static_cast<D>(x); });
}
template <class S>
void integer_to_float(LaneContext& lanes, const Op& op, uint32_t mask) {
  map1<float, S>(lanes, op, mask, [](S x) { return static_cast<float>(x); });
}
template <class N>
void narrow_to_float(LaneContext& lanes, const Op& op, uint32_t mask) {
  map1<float, uint32_t>(lanes, op, mask,
                        [](uint32_t x) { return canonical(widen<N>(x & 0xffff)); });
}
template <class N>
void float_to_narrow(LaneContext& lanes, const Op& op, uint32_t mask) {
  const bool relu = (op.flags & op_flags::kRelu) != 0;
  const bool satfinite = (op.flags & op_flags::kSaturate) != 0;
  const auto rounding = static_cast<Rounding>(op.mode);
  const auto one = [=](float x) {
    const uint32_t code = narrow<N>(x, rounding, satfinite);
    return relu && (code & N::kSign) != 0 ? 0U : code;
  };
  map1<uint32_t, float>(lanes, op, mask, one);
}
bool is_scalar(Type type) {
  switch (type) {
    case Type::u8:
    case Type::s8:
    case Type::u16:
    case Type::s16:
    case Type::u32:
    case Type::s32:
    case Type::u64:
    case Type::s64:
    case Type::f16:
    case Type::bf16:
    case Type::f32:
    case Type::f64:
      return true;
    default:
      return false;
  }
}

Handler fast_handler(const ConvertSpec& spec) {
  const auto pair = [&](Type to, Type from) { return spec.to == to && spec.from == from; };
  if (pair(Type::s64, Type::s32))
    return integer_to_integer<int64_t, int32_t>;
  if (pair(Type::u64, Type::u32))
    return integer_to_integer<uint64_t, uint32_t>;
  if (pair(Type::u32, Type::u64))
    return integer_to_integer<uint32_t, uint64_t>;
  if (pair(Type::s32, Type::s64))
    return integer_to_integer<int32_t, int64_t>;
  if (pair(Type::u32, Type::u16))
    return integer_to_integer<uint32_t, uint16_t>;
  if (pair(Type::u16, Type::u32))
    return integer_to_integer<uint16_t, uint32_t>;
  if (pair(Type::s32, Type::s16))
    return integer_to_integer<int32_t, int16_t>;
  if (pair(Type::f32, Type::f16))
    return narrow_to_float<F16>;
  if (pair(Type::f32, Type::bf16))
    return narrow_to_float<Bf16>;
  if (spec.rounding == Rounding::nearest_even) {
    if (pair(Type::f32, Type::s32))
      return integer_to_float<int32_t>;
    if (pair(Type::f32, Type::u32))
      return integer_to_float<uint32_t>;
  }
  return nullptr;
}

}  // namespace

Handler convert_handler(const ConvertSpec& spec, std::uint8_t flags) {
  if (!is_scalar(spec.to) || !is_scalar(spec.from)) {
    return packed_convert_handler(spec);
  }
  if (flags == 0 && !spec.to_integral && !spec.widened) {
    if (const Handler fast = fast_handler(spec)) {
      return fast;
    }
  }
  if (spec.from == Type::f32 && !spec.to_integral && (flags & ~op_flags::kRelu) == 0) {
    if (spec.to == Type::f16) {
      return float_to_narrow<F16>;
    }
    if (spec.to == Type::bf16) {
      return float_to_narrow<Bf16>;
    }
  }
  return general;
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

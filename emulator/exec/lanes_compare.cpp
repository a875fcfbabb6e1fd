// setp, set, testp: PTX ISA 9.0 sections 9.7.5 and 9.7.3 (testp).
#include "emulator/exec/lane_formats.hpp"

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

template <Compare kCompare, class T>
bool holds(T x, T y) {
  using enum Compare;
  bool unordered = false;
  if constexpr (std::is_floating_point_v<T>) {
    unordered = x != x || y != y;
  }
  if constexpr (kCompare == eq) {
    return x == y;
  } else if constexpr (kCompare == ne) {
    return x != y && !unordered;
  } else if constexpr (kCompare == lt || kCompare == lo) {
    return x < y;
  } else if constexpr (kCompare == le || kCompare == ls) {
    return x <= y;
  } else if constexpr (kCompare == gt || kCompare == hi) {
    return x > y;
  } else if constexpr (kCompare == ge || kCompare == hs) {
    return x >= y;
  } else if constexpr (kCompare == equ) {
    return x == y || unordered;
  } else if constexpr (kCompare == neu) {
    return x != y;
  } else if constexpr (kCompare == ltu) {
    return x < y || unordered;
  } else if constexpr (kCompare == leu) {
    return x <= y || unordered;
  } else if constexpr (kCompare == gtu) {
    return x > y || unordered;
  } else if constexpr (kCompare == geu) {
    return x >= y || unordered;
  } else if constexpr (kCompare == num) {
    return !unordered;
  } else {
    return unordered;
  }
}

constexpr uint32_t kLaneBit[kWarpSize] = {
    1U << 0,  1U << 1,  1U << 2,  1U << 3,  1U << 4,  1U << 5,  1U << 6,  1U << 7,
    1U << 8,  1U << 9,  1U << 10, 1U << 11, 1U << 12, 1U << 13, 1U << 14, 1U << 15,
    1U << 16, 1U << 17, 1U << 18, 1U << 19, 1U << 20, 1U << 21, 1U << 22, 1U << 23,
    1U << 24, 1U << 25, 1U << 26, 1U << 27, 1U << 28, 1U << 29, 1U << 30, 1U << 31};

// The lanes for which the comparison holds.
template <Compare kCompare, class T>
uint32_t compare_lanes(const LaneContext& lanes, const Op& op) {
  const auto* a = source<T>(lanes, op.a);
  const auto* b = source<T>(lanes, op.b);
  const bool ftz = (op.flags & op_flags::kFtz) != 0;
  uint32_t result = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    T x = from_word<T>(a[lane]);
    T y = from_word<T>(b[lane]);
    if constexpr (sizeof(T) == 4 && std::is_floating_point_v<T>) {
      x = ftz ? flush(x) : x;
      y = ftz ? flush(y) : y;
    }
    result |= holds<kCompare, T>(x, y) ? kLaneBit[lane] : 0;
  }
  return result;
}
template <Compare kCompare, class N>
uint32_t compare_half(const LaneContext& lanes, const Op& op, uint32_t shift) {
  const auto* a = source<uint32_t>(lanes, op.a);
  const auto* b = source<uint32_t>(lanes, op.b);
  const bool ftz = (op.flags & op_flags::kFtz) != 0;
  const auto load = [ftz, shift](uint32_t word) {
    const float value = widen<N>(word >> shift & 0xffff);
    const float smallest_normal =
        __builtin_bit_cast(float, static_cast<uint32_t>(128 - N::kBias) << 23);
    return ftz && value < smallest_normal && value > -smallest_normal ? 0.0F : value;
  };
  uint32_t result = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    result |= holds<kCompare, float>(load(a[lane]), load(b[lane])) ? kLaneBit[lane] : 0;
  }
  return result;
}

// Inlined always: GCC leaves out vzeroupper around calls of local functions that use no vectors,
// and then every SSE instruction of the executor waits.
[[gnu::always_inline]] inline uint32_t combine(const LaneContext& lanes, const Op& op,
                                               uint32_t value) {
  switch (static_cast<BoolOp>(op.mode)) {
    case BoolOp::and_:
      return value & predicate(lanes, op.c);
    case BoolOp::or_:
      return value | predicate(lanes, op.c);
    case BoolOp::xor_:
      return value ^ predicate(lanes, op.c);
    default:
      return value;
  }
}

template <Compare kCompare, class T>
void setp(LaneContext& lanes, const Op& op, uint32_t mask) {
  const uint32_t value = compare_lanes<kCompare, T>(lanes, op);
  // Both before the first is written: it may be the predicate that they are combined with.
  const uint32_t first = combine(lanes, op, value);
  const uint32_t second = op.d == kNoRef ? 0 : combine(lanes, op, ~value);
  set_predicate(lanes, op.dst, first, mask);
  set_predicate(lanes, op.d, second, mask);
}
// A pair writes one predicate for each half; a single value its result and the complement.
template <Compare kCompare, class N, bool kPair>
void setp_half(LaneContext& lanes, const Op& op, uint32_t mask) {
  const uint32_t low = compare_half<kCompare, N>(lanes, op, 0);
  const uint32_t second = kPair ? compare_half<kCompare, N>(lanes, op, 16) : ~low;
  const uint32_t p = combine(lanes, op, low);
  const uint32_t q = combine(lanes, op, second);
  set_predicate(lanes, op.dst, p, mask);
  set_predicate(lanes, op.d, q, mask);
}

// Op::size: bytes of the destination; Op::immediate: the word that means true.
void write_set(LaneContext& lanes, const Op& op, uint32_t mask, uint32_t value) {
  alignas(64) uint32_t result[kWarpSize];
  const auto yes = static_cast<uint32_t>(op.immediate);
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    result[lane] = (value >> lane & 1) != 0 ? yes : 0;
  }
  commit(destination<uint32_t>(lanes, op.dst), result, mask);
}
template <Compare kCompare, class T>
void set(LaneContext& lanes, const Op& op, uint32_t mask) {
  write_set(lanes, op, mask, combine(lanes, op, compare_lanes<kCompare, T>(lanes, op)));
}
template <Compare kCompare, class N, bool kPair>
void set_half(LaneContext& lanes, const Op& op, uint32_t mask) {
  const uint32_t low = combine(lanes, op, compare_half<kCompare, N>(lanes, op, 0));
  if constexpr (!kPair) {
    write_set(lanes, op, mask, low);
  } else {
    const uint32_t high = combine(lanes, op, compare_half<kCompare, N>(lanes, op, 16));
    alignas(64) uint32_t result[kWarpSize];
    const auto yes = static_cast<uint32_t>(op.immediate);
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      result[lane] = ((low >> lane & 1) != 0 ? yes & 0xffff : 0) |
                     ((high >> lane & 1) != 0 ? yes & 0xffff0000U : 0);
    }
    commit(destination<uint32_t>(lanes, op.dst), result, mask);
  }
}

template <TestProperty kProperty, class T>
void testp(LaneContext& lanes, const Op& op, uint32_t mask) {
  using U = Word<T>;
  constexpr int kFraction = sizeof(T) == 4 ? 23 : 52;
  constexpr U kExponent = sizeof(T) == 4 ? 0xff : 0x7ff;
  const auto* a = source<T>(lanes, op.a);
  uint32_t result = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const U field = a[lane] >> kFraction & kExponent;
    const U fraction = a[lane] & ((U{1} << kFraction) - 1);
    bool value = false;
    switch (kProperty) {
      case TestProperty::finite:
        value = field != kExponent;
        break;
      case TestProperty::infinite:
        value = field == kExponent && fraction == 0;
        break;
      case TestProperty::number:
        value = field != kExponent || fraction == 0;
        break;
      case TestProperty::notanumber:
        value = field == kExponent && fraction != 0;
        break;
      case TestProperty::normal:
        value = field != kExponent && field != 0;
        break;
      case TestProperty::subnormal:
        value = field == 0 && fraction != 0;
        break;
    }
    result |= static_cast<uint32_t>(value) << lane;
  }
  set_predicate(lanes, op.dst, result, mask);
}
template <TestProperty kProperty>
Handler testp_typed(ptx::Type type) {
  return type == ptx::Type::f32   ? testp<kProperty, float>
         : type == ptx::Type::f64 ? testp<kProperty, double>
                                  : nullptr;
}

template <Compare kCompare>
constexpr bool kIsUnordered = kCompare >= Compare::equ;
template <Compare kCompare>
constexpr bool kIsUnsignedOnly = kCompare >= Compare::lo&& kCompare <= Compare::hs;

template <Compare kCompare, bool kSet>
Handler typed(ptx::Type type) {
  if constexpr (!kIsUnordered<kCompare>) {
    switch (type) {
      case ptx::Type::b16:
      case ptx::Type::u16:
        return kSet ? set<kCompare, uint16_t> : setp<kCompare, uint16_t>;
      case ptx::Type::b32:
      case ptx::Type::u32:
        return kSet ? set<kCompare, uint32_t> : setp<kCompare, uint32_t>;
      case ptx::Type::b64:
      case ptx::Type::u64:
        return kSet ? set<kCompare, uint64_t> : setp<kCompare, uint64_t>;
      default:
        break;
    }
  }
  if constexpr (!kIsUnordered<kCompare> && !kIsUnsignedOnly<kCompare>) {
    switch (type) {
      case ptx::Type::s16:
        return kSet ? set<kCompare, int16_t> : setp<kCompare, int16_t>;
      case ptx::Type::s32:
        return kSet ? set<kCompare, int32_t> : setp<kCompare, int32_t>;
      case ptx::Type::s64:
        return kSet ? set<kCompare, int64_t> : setp<kCompare, int64_t>;
      default:
        break;
    }
  }
  if constexpr (!kIsUnsignedOnly<kCompare>) {
    switch (type) {
      case ptx::Type::f32:
        return kSet ? set<kCompare, float> : setp<kCompare, float>;
      case ptx::Type::f64:
        return kSet ? set<kCompare, double> : setp<kCompare, double>;
      case ptx::Type::f16:
        return kSet ? set_half<kCompare, F16, false> : setp_half<kCompare, F16, false>;
      case ptx::Type::f16x2:
        return kSet ? set_half<kCompare, F16, true> : setp_half<kCompare, F16, true>;
      case ptx::Type::bf16:
        return kSet ? set_half<kCompare, Bf16, false> : setp_half<kCompare, Bf16, false>;
      case ptx::Type::bf16x2:
        return kSet ? set_half<kCompare, Bf16, true> : setp_half<kCompare, Bf16, true>;
      default:
        break;
    }
  }
  return nullptr;
}

template <bool kSet>
Handler by_compare(Compare compare, ptx::Type type) {
  using enum Compare;
  switch (compare) {
    case eq:
      return typed<eq, kSet>(type);
    case ne:
      return typed<ne, kSet>(type);
    case lt:
      return typed<lt, kSet>(type);
    case le:
      return typed<le, kSet>(type);
    case gt:
      return typed<gt, kSet>(type);
    case ge:
      return typed<ge, kSet>(type);
    case lo:
      return typed<lo, kSet>(type);
    case ls:
      return typed<ls, kSet>(type);
    case hi:
      return typed<hi, kSet>(type);
    case hs:
      return typed<hs, kSet>(type);
    case equ:
      return typed<equ, kSet>(type);
    case neu:
      return typed<neu, kSet>(type);
    case ltu:
      return typed<ltu, kSet>(type);
    case leu:
      return typed<leu, kSet>(type);
    case gtu:
      return typed<gtu, kSet>(type);
    case geu:
      return typed<geu, kSet>(type);
    case num:
      return typed<num, kSet>(type);
    case Compare::nan:
      return typed<Compare::nan, kSet>(type);
  }
  return nullptr;
}

}  // namespace

Handler setp_handler(Compare compare, ptx::Type type) {
  return by_compare<false>(compare, type);
}
Handler set_handler(Compare compare, ptx::Type type) {
  return by_compare<true>(compare, type);
}

Handler testp_handler(TestProperty property, ptx::Type type) {
  using enum TestProperty;
  switch (property) {
    case finite:
      return testp_typed<finite>(type);
    case infinite:
      return testp_typed<infinite>(type);
    case number:
      return testp_typed<number>(type);
    case notanumber:
      return testp_typed<notanumber>(type);
    case normal:
      return testp_typed<normal>(type);
    case subnormal:
      return testp_typed<subnormal>(type);
  }
  return nullptr;
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

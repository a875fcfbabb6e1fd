// Logic, shifts and bit fields: PTX ISA 9.0 sections 9.7.1, 9.7.8 and 9.7.9.
#include "emulator/exec/lane_support.hpp"

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

template <class T>
constexpr uint32_t kBits = 8 * sizeof(T);

// Shift counts beyond the width are clamped to it.
template <class T>
T shift_left(T x, uint32_t count) {
  return count >= kBits<T> ? T{0} : static_cast<T>(x << count);
}
template <class T>
T shift_right(T x, uint32_t count) {
  const uint32_t last = kBits<T> - 1;
  if constexpr (std::is_signed_v<T>) {
    return static_cast<T>(x >> (count > last ? last : count));
  } else {
    return count > last ? T{0} : static_cast<T>(x >> count);
  }
}

template <class U>
U reverse(U x) {
  U result = 0;
  for (uint32_t bit = 0; bit < kBits<U>; ++bit) {
    result = static_cast<U>(result << 1 | (x >> bit & 1));
  }
  return result;
}

// The position of the most significant non-sign bit, or all ones.
template <class T>
uint32_t find_high(T x) {
  using U = std::make_unsigned_t<T>;
  U value = static_cast<U>(x);
  if constexpr (std::is_signed_v<T>) {
    value = x < 0 ? static_cast<U>(~value) : value;
  }
  return value == 0 ? 0xffffffffU : kBits<T> - 1 - static_cast<uint32_t>(std::countl_zero(value));
}

template <class T>
T extract_field(T x, uint32_t position, uint32_t length) {
  using U = std::make_unsigned_t<T>;
  const uint32_t pos = position & 0xff;
  const uint32_t len = length & 0xff;
  const uint32_t msb = kBits<T> - 1;
  U sign = 0;
  if (std::is_signed_v<T> && len != 0) {
    const uint32_t top = pos + len - 1 < msb ? pos + len - 1 : msb;
    sign = static_cast<U>(static_cast<U>(x) >> top & 1);
  }
  if (len == 0) {
    return 0;
  }
  const U shifted = pos > msb ? U{0} : static_cast<U>(static_cast<U>(x) >> pos);
  // Bits beyond the operand's top count as the sign.
  const uint32_t available = pos > msb ? 0 : msb + 1 - pos;
  const uint32_t kept = len < available ? len : available;
  const U field_mask = kept > msb ? static_cast<U>(~U{0}) : static_cast<U>((U{1} << kept) - 1);
  const U fill = sign != 0 ? static_cast<U>(~field_mask) : U{0};
  return static_cast<T>((shifted & field_mask) | fill);
}

template <class U>
U insert_field(U field, U base, uint32_t position, uint32_t length) {
  const uint32_t pos = position & 0xff;
  const uint32_t len = length & 0xff;
  if (pos >= kBits<U> || len == 0) {
    return base;
  }
  const U ones = len >= kBits<U> ? static_cast<U>(~U{0}) : static_cast<U>((U{1} << len) - 1);
  const U mask = static_cast<U>(ones << pos);
  return static_cast<U>((base & ~mask) | (static_cast<U>(field << pos) & mask));
}

// The selector of prmt for one result byte: its source byte, and whether its sign is replicated.
uint32_t permute(uint32_t a, uint32_t b, uint32_t control, uint32_t mode) {
  const uint64_t bytes = a | static_cast<uint64_t>(b) << 32;
  uint32_t selectors = 0;
  const uint32_t s = control & 3;
  switch (mode) {
    case 0:
      selectors = control;
      break;
    case 1:
      selectors = (s + 3) << 12 | (s + 2) << 8 | (s + 1) << 4 | s;
      break;  // f4e
    case 2:   // b4e
      selectors = ((s + 5) & 7) << 12 | ((s + 6) & 7) << 8 | ((s + 7) & 7) << 4 | s;
      break;
    case 3:
      selectors = s * 0x1111;
      break;  // rc8
    case 4:   // ecl
      selectors = 3U << 12 | (s > 2 ? s : 2U) << 8 | (s > 1 ? s : 1U) << 4 | s;
      break;
    case 5:  // ecr
      selectors = s << 12 | (s < 2 ? s : 2U) << 8 | (s < 1 ? s : 1U) << 4;
      break;
    default:
      selectors = (s & 1) != 0 ? 0x3232 : 0x1010;
      break;  // rc16
  }
  uint32_t result = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    const uint32_t selector = selectors >> (4 * i) & 0xf;
    uint32_t byte = static_cast<uint32_t>(bytes >> (8 * (selector & 7)) & 0xff);
    if (mode == 0 && (selector & 8) != 0) {
      byte = (byte & 0x80) != 0 ? 0xff : 0;
    }
    result |= byte << (8 * i);
  }
  return result;
}

uint32_t logic3(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t result = 0;
  result |= (table & 0x01) != 0 ? ~a & ~b & ~c : 0;
  result |= (table & 0x02) != 0 ? ~a & ~b & c : 0;
  result |= (table & 0x04) != 0 ? ~a & b & ~c : 0;
  result |= (table & 0x08) != 0 ? ~a & b & c : 0;
  result |= (table & 0x10) != 0 ? a & ~b & ~c : 0;
  result |= (table & 0x20) != 0 ? a & ~b & c : 0;
  result |= (table & 0x40) != 0 ? a & b & ~c : 0;
  result |= (table & 0x80) != 0 ? a & b & c : 0;
  return result;
}

// The n-th set bit from `base`, upward for n > 0, downward for n < 0.
uint32_t find_nth_set(uint32_t mask, uint32_t base, int32_t n) {
  if (n == 0) {
    return base < 32 && (mask >> base & 1) != 0 ? base : 0xffffffffU;
  }
  int32_t remaining = n < 0 ? -n : n;
  for (int64_t position = base; position >= 0 && position<32; position += n> 0 ? 1 : -1) {
    if ((mask >> position & 1) != 0 && --remaining == 0) {
      return static_cast<uint32_t>(position);
    }
  }
  return 0xffffffffU;
}

template <bool kSigned>
int32_t byte_of(uint32_t word, uint32_t index) {
  const auto byte = static_cast<uint8_t>(word >> (8 * index));
  return kSigned ? static_cast<int32_t>(static_cast<int8_t>(byte)) : static_cast<int32_t>(byte);
}

template <BitOp kOp, class U>
void logic(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum BitOp;
  if constexpr (kOp == move) {
    commit(destination<Word<U>>(lanes, op.dst), source<U>(lanes, op.a), mask);
  } else if constexpr (kOp == and_) {
    map2<U, U, U>(lanes, op, mask, [](U x, U y) { return static_cast<U>(x & y); });
  } else if constexpr (kOp == or_) {
    map2<U, U, U>(lanes, op, mask, [](U x, U y) { return static_cast<U>(x | y); });
  } else if constexpr (kOp == xor_) {
    map2<U, U, U>(lanes, op, mask, [](U x, U y) { return static_cast<U>(x ^ y); });
  } else if constexpr (kOp == not_) {
    map1<U, U>(lanes, op, mask, [](U x) { return static_cast<U>(~x); });
  } else if constexpr (kOp == cnot) {
    map1<U, U>(lanes, op, mask, [](U x) { return static_cast<U>(x == 0); });
  } else if constexpr (kOp == shl) {
    map2<U, U, uint32_t>(lanes, op, mask, shift_left<U>);
  } else if constexpr (kOp == popc) {
    map1<uint32_t, U>(lanes, op, mask, [](U x) { return static_cast<uint32_t>(std::popcount(x)); });
  } else if constexpr (kOp == clz) {
    map1<uint32_t, U>(lanes, op, mask,
                      [](U x) { return static_cast<uint32_t>(std::countl_zero(x)); });
  } else if constexpr (kOp == brev) {
    map1<U, U>(lanes, op, mask, reverse<U>);
  } else if constexpr (kOp == bfi) {
    const auto* d = source<uint32_t>(lanes, op.d);
    const auto* c = source<uint32_t>(lanes, op.c);
    const auto* b = source<U>(lanes, op.b);
    const auto* a = source<U>(lanes, op.a);
    alignas(64) Word<U> result[kWarpSize];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      result[lane] =
          insert_field<U>(static_cast<U>(a[lane]), static_cast<U>(b[lane]), c[lane], d[lane]);
    }
    commit(destination<Word<U>>(lanes, op.dst), result, mask);
  } else if constexpr (kOp == BitOp::select) {
    const uint32_t choose = predicate(lanes, op.c);
    const auto* a = source<U>(lanes, op.a);
    const auto* b = source<U>(lanes, op.b);
    alignas(64) Word<U> result[kWarpSize];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      result[lane] = (choose >> lane & 1) != 0 ? a[lane] : b[lane];
    }
    commit(destination<Word<U>>(lanes, op.dst), result, mask);
  } else if constexpr (kOp == slct_s32) {
    map3<U, U, U, int32_t>(lanes, op, mask, [](U x, U y, int32_t z) { return z >= 0 ? x : y; });
  } else if constexpr (kOp == slct_f32) {
    const bool ftz = (op.flags & op_flags::kFtz) != 0;
    map3<U, U, U, float>(lanes, op, mask, [ftz](U x, U y, float z) {
      const bool flushed = ftz && (__builtin_bit_cast(uint32_t, z) & 0x7f800000U) == 0;
      return z >= 0 || flushed ? x : y;
    });
  }
}

template <BitOp kOp, class T>
void signed_bits(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum BitOp;
  if constexpr (kOp == shr) {
    map2<T, T, uint32_t>(lanes, op, mask, shift_right<T>);
  } else if constexpr (kOp == bfind) {
    map1<uint32_t, T>(lanes, op, mask, find_high<T>);
  } else if constexpr (kOp == bfind_shiftamt) {
    map1<uint32_t, T>(lanes, op, mask, [](T x) {
      const uint32_t high = find_high<T>(x);
      return high == 0xffffffffU ? high : kBits<T> - 1 - high;
    });
  } else if constexpr (kOp == bfe) {
    map3<T, T, uint32_t, uint32_t>(lanes, op, mask, extract_field<T>);
  } else if constexpr (kOp == szext_clamp || kOp == szext_wrap) {
    map2<T, T, uint32_t>(lanes, op, mask, [](T x, uint32_t count) {
      const uint32_t length = kOp == szext_wrap ? count & 31 : (count > 32 ? 32 : count);
      return extract_field<T>(x, 0, length);
    });
  }
}

template <BitOp kOp>
void words(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum BitOp;
  using W = uint32_t;
  if constexpr (kOp == prmt) {
    const uint32_t mode = op.mode;
    map3<W, W, W, W>(lanes, op, mask, [mode](W x, W y, W z) { return permute(x, y, z, mode); });
  } else if constexpr (kOp == lop3) {
    const auto table = static_cast<uint32_t>(op.immediate);
    map3<W, W, W, W>(lanes, op, mask, [table](W x, W y, W z) { return logic3(x, y, z, table); });
  } else if constexpr (kOp == shf_l_clamp || kOp == shf_l_wrap) {
    map3<W, W, W, W>(lanes, op, mask, [](W low, W high, W count) {
      const uint64_t both = low | static_cast<uint64_t>(high) << 32;
      const uint32_t n = kOp == shf_l_wrap ? count & 31 : (count > 32 ? 32 : count);
      return static_cast<W>((both << n) >> 32);
    });
  } else if constexpr (kOp == shf_r_clamp || kOp == shf_r_wrap) {
    map3<W, W, W, W>(lanes, op, mask, [](W low, W high, W count) {
      const uint64_t both = low | static_cast<uint64_t>(high) << 32;
      const uint32_t n = kOp == shf_r_wrap ? count & 31 : (count > 32 ? 32 : count);
      return static_cast<W>(both >> n);
    });
  } else if constexpr (kOp == fns) {
    map3<W, W, W, int32_t>(lanes, op, mask, find_nth_set);
  } else if constexpr (kOp == bmsk_clamp || kOp == bmsk_wrap) {
    map2<W, W, W>(lanes, op, mask, [](W start, W width) {
      const uint64_t from = kOp == bmsk_wrap ? start & 31 : (start > 32 ? 32 : start);
      const uint64_t count = kOp == bmsk_wrap ? width & 31 : (width > 32 ? 32 : width);
      return static_cast<W>(((uint64_t{1} << count) - 1) << from);
    });
  }
}

template <BitOp kOp, bool kSignedA, bool kSignedB>
void dot_product(LaneContext& lanes, const Op& op, uint32_t mask) {
  map3<uint32_t, uint32_t, uint32_t, uint32_t>(
      lanes, op, mask, [](uint32_t a, uint32_t b, uint32_t c) {
        uint32_t sum = c;
        if constexpr (kOp == BitOp::dp4a) {
          for (uint32_t i = 0; i < 4; ++i) {
            sum += static_cast<uint32_t>(byte_of<kSignedA>(a, i) * byte_of<kSignedB>(b, i));
          }
        } else {
          for (uint32_t i = 0; i < 2; ++i) {
            const auto half = static_cast<uint16_t>(a >> (16 * i));
            const int32_t x = kSignedA ? static_cast<int32_t>(static_cast<int16_t>(half))
                                       : static_cast<int32_t>(half);
            sum += static_cast<uint32_t>(x *
                                         byte_of<kSignedB>(b, i + (kOp == BitOp::dp2a_hi ? 2 : 0)));
          }
        }
        return sum;
      });
}
// Op::mode bit 0: a is signed, bit 1: b is signed.
template <BitOp kOp>
void dot(LaneContext& lanes, const Op& op, uint32_t mask) {
  switch (op.mode & 3) {
    case 0:
      dot_product<kOp, false, false>(lanes, op, mask);
      break;
    case 1:
      dot_product<kOp, true, false>(lanes, op, mask);
      break;
    case 2:
      dot_product<kOp, false, true>(lanes, op, mask);
      break;
    default:
      dot_product<kOp, true, true>(lanes, op, mask);
      break;
  }
}

template <BitOp kOp>
void predicates(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum BitOp;
  const uint32_t a = predicate(lanes, op.a);
  uint32_t result = a;
  if constexpr (kOp == not_) {
    result = ~a;
  } else if constexpr (kOp == and_) {
    result = a & predicate(lanes, op.b);
  } else if constexpr (kOp == or_) {
    result = a | predicate(lanes, op.b);
  } else if constexpr (kOp == xor_) {
    result = a ^ predicate(lanes, op.b);
  }
  set_predicate(lanes, op.dst, result, mask);
}

template <BitOp kOp>
Handler sized(ptx::Type type) {
  switch (ptx::size_bytes(type)) {
    case 2:
      return logic<kOp, uint16_t>;
    case 4:
      return logic<kOp, uint32_t>;
    case 8:
      return logic<kOp, uint64_t>;
    default:
      return nullptr;
  }
}
template <BitOp kOp>
Handler sized_or_predicate(ptx::Type type) {
  return type == ptx::Type::pred ? predicates<kOp> : sized<kOp>(type);
}
template <BitOp kOp>
Handler word_or_double(ptx::Type type) {
  return ptx::size_bytes(type) == 2 ? nullptr : sized<kOp>(type);
}
template <BitOp kOp>
Handler typed(ptx::Type type) {
  switch (type) {
    case ptx::Type::b16:
    case ptx::Type::u16:
      return signed_bits<kOp, uint16_t>;
    case ptx::Type::s16:
      return signed_bits<kOp, int16_t>;
    case ptx::Type::b32:
    case ptx::Type::u32:
      return signed_bits<kOp, uint32_t>;
    case ptx::Type::s32:
      return signed_bits<kOp, int32_t>;
    case ptx::Type::b64:
    case ptx::Type::u64:
      return signed_bits<kOp, uint64_t>;
    case ptx::Type::s64:
      return signed_bits<kOp, int64_t>;
    default:
      return nullptr;
  }
}

}  // namespace

Handler bit_handler(BitOp op, ptx::Type type) {
  using enum BitOp;
  switch (op) {
    case move:
      return sized_or_predicate<move>(type);
    case and_:
      return sized_or_predicate<and_>(type);
    case or_:
      return sized_or_predicate<or_>(type);
    case xor_:
      return sized_or_predicate<xor_>(type);
    case not_:
      return sized_or_predicate<not_>(type);
    case cnot:
      return sized<cnot>(type);
    case shl:
      return sized<shl>(type);
    case shr:
      return typed<shr>(type);
    case popc:
      return word_or_double<popc>(type);
    case clz:
      return word_or_double<clz>(type);
    case brev:
      return word_or_double<brev>(type);
    case bfind:
      return typed<bfind>(type);
    case bfind_shiftamt:
      return typed<bfind_shiftamt>(type);
    case bfe:
      return typed<bfe>(type);
    case bfi:
      return word_or_double<bfi>(type);
    case select:
      return sized<BitOp::select>(type);
    case slct_s32:
      return sized<slct_s32>(type);
    case slct_f32:
      return sized<slct_f32>(type);
    case szext_clamp:
      return typed<szext_clamp>(type);
    case szext_wrap:
      return typed<szext_wrap>(type);
    case prmt:
      return words<prmt>;
    case lop3:
      return words<lop3>;
    case shf_l_clamp:
      return words<shf_l_clamp>;
    case shf_l_wrap:
      return words<shf_l_wrap>;
    case shf_r_clamp:
      return words<shf_r_clamp>;
    case shf_r_wrap:
      return words<shf_r_wrap>;
    case fns:
      return words<fns>;
    case bmsk_clamp:
      return words<bmsk_clamp>;
    case bmsk_wrap:
      return words<bmsk_wrap>;
    case dp4a:
      return dot<dp4a>;
    case dp2a_lo:
      return dot<dp2a_lo>;
    case dp2a_hi:
      return dot<dp2a_hi>;
  }
  return nullptr;
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

// Extended-precision arithmetic through the carry flag: PTX ISA 9.0 section 9.7.2.
#include "emulator/exec/lane_integers.hpp"

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

// x + y + carry or x - y - borrow on unsigned words; the flag register is predicate Op::d.
template <bool kSubtract, bool kIn, bool kOut, class T>
void with_carry(LaneContext& lanes, const Op& op, uint32_t mask, const T* x, const T* y) {
  const uint32_t flags = kIn ? predicate(lanes, op.d) : 0;
  alignas(64) T result[kWarpSize];
  uint32_t out = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const T carry = static_cast<T>(flags >> lane & 1U);
    const T first = kSubtract ? x[lane] - y[lane] : x[lane] + y[lane];
    const T second = kSubtract ? first - carry : first + carry;
    const bool overflow =
        kSubtract ? (x[lane] < y[lane]) || (first < carry) : (first < x[lane]) || (second < first);
    result[lane] = second;
    out |= static_cast<uint32_t>(overflow) << lane;
  }
  commit(destination<T>(lanes, op.dst), result, mask);
  if constexpr (kOut) {
    set_predicate(lanes, op.d, out, mask);
  }
}

template <IntegerOp kOp, class T>
void extended(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum IntegerOp;
  using U = Unsigned<T>;
  constexpr bool kIsMad = kOp >= mad_lo_cc;
  constexpr bool kSubtract = kOp == sub_cc || kOp == subc || kOp == subc_cc;
  constexpr bool kIn = kOp == addc || kOp == addc_cc || kOp == subc || kOp == subc_cc ||
                       kOp == madc_lo || kOp == madc_lo_cc || kOp == madc_hi || kOp == madc_hi_cc;
  constexpr bool kOut = kOp != addc && kOp != subc && kOp != madc_lo && kOp != madc_hi;
  if constexpr (kIsMad) {
    constexpr bool kHigh = kOp >= mad_hi_cc;
    const auto* a = source<T>(lanes, op.a);
    const auto* b = source<T>(lanes, op.b);
    alignas(64) U product[kWarpSize];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const T x = from_word<T>(a[lane]);
      const T y = from_word<T>(b[lane]);
      product[lane] = static_cast<U>(kHigh ? RACKPROOF_LANES::mul_hi<T>(x, y) : wrap_mul<T>(x, y));
    }
    with_carry<false, kIn, kOut, U>(lanes, op, mask, product, source<U>(lanes, op.c));
  } else {
    with_carry<kSubtract, kIn, kOut, U>(lanes, op, mask, source<U>(lanes, op.a),
                                        source<U>(lanes, op.b));
  }
}

template <IntegerOp kOp>
Handler carry_type(ptx::Type type) {
  switch (type) {
    case ptx::Type::u32:
      return extended<kOp, uint32_t>;
    case ptx::Type::s32:
      return extended<kOp, int32_t>;
    case ptx::Type::u64:
      return extended<kOp, uint64_t>;
    case ptx::Type::s64:
      return extended<kOp, int64_t>;
    default:
      return nullptr;
  }
}

}  // namespace

Handler carry_handler(IntegerOp op, ptx::Type type) {
  using enum IntegerOp;
  switch (op) {
    case add_cc:
      return carry_type<add_cc>(type);
    case addc:
      return carry_type<addc>(type);
    case addc_cc:
      return carry_type<addc_cc>(type);
    case sub_cc:
      return carry_type<sub_cc>(type);
    case subc:
      return carry_type<subc>(type);
    case subc_cc:
      return carry_type<subc_cc>(type);
    case mad_lo_cc:
      return carry_type<mad_lo_cc>(type);
    case madc_lo:
      return carry_type<madc_lo>(type);
    case madc_lo_cc:
      return carry_type<madc_lo_cc>(type);
    case mad_hi_cc:
      return carry_type<mad_hi_cc>(type);
    case madc_hi:
      return carry_type<madc_hi>(type);
    case madc_hi_cc:
      return carry_type<madc_hi_cc>(type);
    default:
      return nullptr;
  }
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

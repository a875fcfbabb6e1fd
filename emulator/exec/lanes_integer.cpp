// Integer arithmetic: PTX ISA 9.0 section 9.7.1.
#include "emulator/exec/lane_integers.hpp"

#include <limits>

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

int32_t saturate(int64_t value) {
  constexpr int64_t kLow = std::numeric_limits<int32_t>::min();
  constexpr int64_t kHigh = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(value < kLow ? kLow : value > kHigh ? kHigh : value);
}
// The low 24 bits, sign-extended for signed types.
template <class T>
int64_t low24(T value) {
  const int64_t low = static_cast<int64_t>(value) & 0xffffff;
  return std::is_signed_v<T> && (low & 0x800000) != 0 ? low - 0x1000000 : low;
}
template <class T>
T quotient(T x, T y) {
  if (y == 0) {
    return static_cast<T>(-1);  // unspecified by the ISA
  }
  if constexpr (std::is_signed_v<T>) {
    if (y == -1) {
      return wrap_sub<T>(0, x);
    }
  }
  return static_cast<T>(x / y);
}
template <class T>
T remainder(T x, T y) {
  if (y == 0) {
    return x;  // unspecified by the ISA
  }
  if constexpr (std::is_signed_v<T>) {
    if (y == -1) {
      return 0;
    }
  }
  return static_cast<T>(x % y);
}

template <IntegerOp kOp, class T>
void arithmetic(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum IntegerOp;
  if constexpr (kOp == add) {
    map2<T, T, T>(lanes, op, mask, wrap_add<T>);
  } else if constexpr (kOp == sub) {
    map2<T, T, T>(lanes, op, mask, wrap_sub<T>);
  } else if constexpr (kOp == add_sat) {
    map2<T, T, T>(lanes, op, mask,
                  [](T x, T y) { return static_cast<T>(saturate(int64_t{x} + y)); });
  } else if constexpr (kOp == sub_sat) {
    map2<T, T, T>(lanes, op, mask,
                  [](T x, T y) { return static_cast<T>(saturate(int64_t{x} - y)); });
  } else if constexpr (kOp == mul_lo) {
    map2<T, T, T>(lanes, op, mask, wrap_mul<T>);
  } else if constexpr (kOp == IntegerOp::mul_hi) {
    map2<T, T, T>(lanes, op, mask, RACKPROOF_LANES::mul_hi<T>);
  } else if constexpr (kOp == mul_wide) {
    map2<Wide<T>, T, T>(lanes, op, mask, [](T x, T y) {
      return static_cast<Wide<T>>(static_cast<Wide<T>>(x) * static_cast<Wide<T>>(y));
    });
  } else if constexpr (kOp == mad_lo) {
    map3<T, T, T, T>(lanes, op, mask,
                     [](T x, T y, T z) { return wrap_add<T>(wrap_mul<T>(x, y), z); });
  } else if constexpr (kOp == mad_hi) {
    map3<T, T, T, T>(lanes, op, mask, [](T x, T y, T z) {
      return wrap_add<T>(RACKPROOF_LANES::mul_hi<T>(x, y), z);
    });
  } else if constexpr (kOp == mad_hi_sat) {
    map3<T, T, T, T>(lanes, op, mask, [](T x, T y, T z) {
      return static_cast<T>(saturate(int64_t{RACKPROOF_LANES::mul_hi<T>(x, y)} + z));
    });
  } else if constexpr (kOp == mad_wide) {
    using W = Wide<T>;
    map3<W, T, T, W>(lanes, op, mask, [](T x, T y, W z) {
      return wrap_add<W>(static_cast<W>(static_cast<W>(x) * static_cast<W>(y)), z);
    });
  } else if constexpr (kOp == mul24_lo) {
    map2<T, T, T>(lanes, op, mask, [](T x, T y) { return static_cast<T>(low24(x) * low24(y)); });
  } else if constexpr (kOp == mul24_hi) {
    map2<T, T, T>(lanes, op, mask,
                  [](T x, T y) { return static_cast<T>((low24(x) * low24(y)) >> 16); });
  } else if constexpr (kOp == mad24_lo) {
    map3<T, T, T, T>(lanes, op, mask, [](T x, T y, T z) {
      return static_cast<T>(low24(x) * low24(y) + static_cast<int64_t>(z));
    });
  } else if constexpr (kOp == mad24_hi) {
    map3<T, T, T, T>(lanes, op, mask, [](T x, T y, T z) {
      return static_cast<T>(((low24(x) * low24(y)) >> 16) + static_cast<int64_t>(z));
    });
  } else if constexpr (kOp == sad) {
    map3<T, T, T, T>(lanes, op, mask, [](T x, T y, T z) {
      return wrap_add<T>(z, x < y ? wrap_sub<T>(y, x) : wrap_sub<T>(x, y));
    });
  } else if constexpr (kOp == div) {
    map2<T, T, T>(lanes, op, mask, quotient<T>);
  } else if constexpr (kOp == rem) {
    map2<T, T, T>(lanes, op, mask, RACKPROOF_LANES::remainder<T>);
  } else if constexpr (kOp == abs) {
    map1<T, T>(lanes, op, mask, [](T x) { return x < 0 ? wrap_sub<T>(0, x) : x; });
  } else if constexpr (kOp == neg) {
    map1<T, T>(lanes, op, mask, [](T x) { return wrap_sub<T>(0, x); });
  } else if constexpr (kOp == min) {
    map2<T, T, T>(lanes, op, mask, [](T x, T y) { return x < y ? x : y; });
  } else if constexpr (kOp == max) {
    map2<T, T, T>(lanes, op, mask, [](T x, T y) { return x < y ? y : x; });
  } else if constexpr (kOp == min_relu) {
    map2<T, T, T>(lanes, op, mask, [](T x, T y) {
      const T low = x < y ? x : y;
      return low < 0 ? T{0} : low;
    });
  } else if constexpr (kOp == max_relu) {
    map2<T, T, T>(lanes, op, mask, [](T x, T y) {
      const T high = x < y ? y : x;
      return high < 0 ? T{0} : high;
    });
  }
}

// Two 16-bit lanes in one register: add, min, max of u16x2 and s16x2.
template <IntegerOp kOp, class T>
void packed(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum IntegerOp;
  const auto half = [](T x, T y) {
    if constexpr (kOp == add) {
      return wrap_add<T>(x, y);
    } else {
      T chosen = kOp == min || kOp == min_relu ? (x < y ? x : y) : (x < y ? y : x);
      if constexpr (kOp == min_relu || kOp == max_relu) {
        chosen = chosen < 0 ? T{0} : chosen;
      }
      return chosen;
    }
  };
  map2<uint32_t, uint32_t, uint32_t>(lanes, op, mask, [half](uint32_t x, uint32_t y) {
    const auto low = static_cast<uint16_t>(half(static_cast<T>(x), static_cast<T>(y)));
    const auto high = static_cast<uint16_t>(half(static_cast<T>(x >> 16), static_cast<T>(y >> 16)));
    return low | static_cast<uint32_t>(high) << 16;
  });
}

template <IntegerOp kOp>
Handler any_type(ptx::Type type) {
  switch (type) {
    case ptx::Type::u16:
      return arithmetic<kOp, uint16_t>;
    case ptx::Type::s16:
      return arithmetic<kOp, int16_t>;
    case ptx::Type::u32:
      return arithmetic<kOp, uint32_t>;
    case ptx::Type::s32:
      return arithmetic<kOp, int32_t>;
    case ptx::Type::u64:
      return arithmetic<kOp, uint64_t>;
    case ptx::Type::s64:
      return arithmetic<kOp, int64_t>;
    default:
      return nullptr;
  }
}
template <IntegerOp kOp>
Handler packed_or_any(ptx::Type type) {
  switch (type) {
    case ptx::Type::u16x2:
      return packed<kOp, uint16_t>;
    case ptx::Type::s16x2:
      return packed<kOp, int16_t>;
    default:
      return any_type<kOp>(type);
  }
}
template <IntegerOp kOp>
Handler signed_type(ptx::Type type) {
  switch (type) {
    case ptx::Type::s16:
      return arithmetic<kOp, int16_t>;
    case ptx::Type::s32:
      return arithmetic<kOp, int32_t>;
    case ptx::Type::s64:
      return arithmetic<kOp, int64_t>;
    default:
      return nullptr;
  }
}
template <IntegerOp kOp>
Handler relu_type(ptx::Type type) {
  switch (type) {
    case ptx::Type::s32:
      return arithmetic<kOp, int32_t>;
    case ptx::Type::s16x2:
      return packed<kOp, int16_t>;
    default:
      return nullptr;
  }
}
template <IntegerOp kOp>
Handler narrow_type(ptx::Type type) {
  switch (type) {
    case ptx::Type::u16:
      return arithmetic<kOp, uint16_t>;
    case ptx::Type::s16:
      return arithmetic<kOp, int16_t>;
    case ptx::Type::u32:
      return arithmetic<kOp, uint32_t>;
    case ptx::Type::s32:
      return arithmetic<kOp, int32_t>;
    default:
      return nullptr;
  }
}
template <IntegerOp kOp>
Handler word_type(ptx::Type type) {
  switch (type) {
    case ptx::Type::u32:
      return arithmetic<kOp, uint32_t>;
    case ptx::Type::s32:
      return arithmetic<kOp, int32_t>;
    default:
      return nullptr;
  }
}
template <IntegerOp kOp>
Handler s32_only(ptx::Type type) {
  return type == ptx::Type::s32 ? arithmetic<kOp, int32_t> : nullptr;
}

}  // namespace

Handler integer_handler(IntegerOp op, ptx::Type type) {
  using enum IntegerOp;
  switch (op) {
    case add:
      return packed_or_any<add>(type);
    case sub:
      return any_type<sub>(type);
    case add_sat:
      return s32_only<add_sat>(type);
    case sub_sat:
      return s32_only<sub_sat>(type);
    case mul_lo:
      return any_type<mul_lo>(type);
    case IntegerOp::mul_hi:
      return any_type<IntegerOp::mul_hi>(type);
    case mul_wide:
      return narrow_type<mul_wide>(type);
    case mad_lo:
      return any_type<mad_lo>(type);
    case mad_hi:
      return any_type<mad_hi>(type);
    case mad_hi_sat:
      return s32_only<mad_hi_sat>(type);
    case mad_wide:
      return narrow_type<mad_wide>(type);
    case mul24_lo:
      return word_type<mul24_lo>(type);
    case mul24_hi:
      return word_type<mul24_hi>(type);
    case mad24_lo:
      return word_type<mad24_lo>(type);
    case mad24_hi:
      return word_type<mad24_hi>(type);
    case sad:
      return any_type<sad>(type);
    case div:
      return any_type<div>(type);
    case rem:
      return any_type<rem>(type);
    case abs:
      return signed_type<abs>(type);
    case neg:
      return signed_type<neg>(type);
    case min:
      return packed_or_any<min>(type);
    case max:
      return packed_or_any<max>(type);
    case min_relu:
      return relu_type<min_relu>(type);
    case max_relu:
      return relu_type<max_relu>(type);
    default:
      return carry_handler(op, type);
  }
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

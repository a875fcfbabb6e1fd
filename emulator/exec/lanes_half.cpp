// f16, bf16 and their pairs: PTX ISA 9.0 section 9.7.4. Sums are exact enough in
// binary32 (24 >= 2 * 11 + 2 bits) for one rounding; fma goes through round-to-odd binary64.
#include "emulator/exec/lane_formats.hpp"

#include <cmath>

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

template <class N>
uint32_t flush_code(uint32_t code) {
  const uint32_t exponent = (N::kSign - 1) >> N::kMantissa << N::kMantissa;
  return (code & exponent) == 0 ? code & N::kSign : code;
}

template <FloatOp kOp, class N>
uint32_t compute(uint32_t x, uint32_t y, uint32_t z, uint8_t flags) {
  using enum FloatOp;
  constexpr uint32_t kMagnitude = N::kSign - 1;
  if ((flags & op_flags::kFtz) != 0) {
    x = flush_code<N>(x);
    y = flush_code<N>(y);
    z = flush_code<N>(z);
  }
  uint32_t code = 0;
  if constexpr (kOp == add) {
    code = narrow<N>(widen<N>(x) + widen<N>(y));
  } else if constexpr (kOp == sub) {
    code = narrow<N>(widen<N>(x) - widen<N>(y));
  } else if constexpr (kOp == mul) {
    // In binary64: a product of two bf16 may be subnormal in binary32 and round twice.
    code = narrow<N>(static_cast<double>(widen<N>(x)) * static_cast<double>(widen<N>(y)));
  } else if constexpr (kOp == fma) {
    const double product = static_cast<double>(widen<N>(x)) * static_cast<double>(widen<N>(y));
    code = narrow<N>(add_to_odd(product, static_cast<double>(widen<N>(z))));
    // The NaN that tensor copies fill with (PTX ISA 9.0, section 5.5.1).
    const bool outside = x == N::kNan || y == N::kNan;
    code = outside && (flags & op_flags::kOutOfBounds) != 0 ? 0 : code;
  } else if constexpr (kOp == ex2) {
    code = narrow<N>(exp2_double(static_cast<double>(widen<N>(x))));
  } else if constexpr (kOp == FloatOp::tanh) {
    code = narrow<N>(::tanh(static_cast<double>(widen<N>(x))));
  } else if constexpr (kOp == FloatOp::abs) {
    code = x & kMagnitude;
  } else if constexpr (kOp == neg) {
    code = x ^ N::kSign;
  } else {
    constexpr bool kMaximum = kOp == max || kOp == max3;
    const bool nan = (flags & op_flags::kNan) != 0;
    const bool xorsign = (flags & op_flags::kXorSign) != 0;
    const uint32_t sign = xorsign ? (x ^ y) & N::kSign : 0;
    const uint32_t keep = xorsign ? kMagnitude : 0xffffU;
    float chosen = extremum(widen<N>(x & keep), widen<N>(y & keep), kMaximum, nan);
    if constexpr (kOp == min3 || kOp == max3) {
      chosen = extremum(chosen, widen<N>(z), kMaximum, nan);
    }
    code = narrow<N>(chosen) | sign;
  }
  const bool is_nan = (code & kMagnitude) > N::kInfinity;
  if ((flags & op_flags::kFtz) != 0) {
    code = flush_code<N>(code);
  }
  if ((flags & op_flags::kSaturate) != 0) {
    code = is_nan ? 0 : narrow<N>(saturate_unit(widen<N>(code)));
  }
  if ((flags & op_flags::kRelu) != 0) {
    code = is_nan ? N::kNan : (code & N::kSign) != 0 ? 0 : code;
  }
  return code;
}

template <FloatOp kOp, class N, bool kPair>
void arithmetic(LaneContext& lanes, const Op& op, uint32_t mask) {
  using enum FloatOp;
  constexpr bool kThree = kOp == fma || kOp == min3 || kOp == max3;
  constexpr bool kTwo =
      kThree || kOp == add || kOp == sub || kOp == mul || kOp == min || kOp == max;
  const auto* a = source<uint32_t>(lanes, op.a);
  const auto* b = kTwo ? source<uint32_t>(lanes, op.b) : a;
  const auto* c = kThree ? source<uint32_t>(lanes, op.c) : a;
  const uint8_t flags = op.flags;
  alignas(64) uint32_t result[kWarpSize];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    result[lane] = compute<kOp, N>(a[lane] & 0xffff, b[lane] & 0xffff, c[lane] & 0xffff, flags);
  }
  if constexpr (kPair) {
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      result[lane] |= compute<kOp, N>(a[lane] >> 16, b[lane] >> 16, c[lane] >> 16, flags) << 16;
    }
  }
  commit(destination<uint32_t>(lanes, op.dst), result, mask);
}

template <FloatOp kOp>
Handler typed(ptx::Type type) {
  switch (type) {
    case ptx::Type::f16:
      return arithmetic<kOp, F16, false>;
    case ptx::Type::f16x2:
      return arithmetic<kOp, F16, true>;
    case ptx::Type::bf16:
      return arithmetic<kOp, Bf16, false>;
    case ptx::Type::bf16x2:
      return arithmetic<kOp, Bf16, true>;
    default:
      return nullptr;
  }
}

}  // namespace

Handler half_handler(FloatOp op, ptx::Type type) {
  using enum FloatOp;
  switch (op) {
    case add:
      return typed<add>(type);
    case sub:
      return typed<sub>(type);
    case mul:
      return typed<mul>(type);
    case fma:
      return typed<fma>(type);
    case ex2:
      return typed<ex2>(type);
    case FloatOp::tanh:
      return typed<FloatOp::tanh>(type);
    case FloatOp::abs:
      return typed<FloatOp::abs>(type);
    case neg:
      return typed<neg>(type);
    case min:
      return typed<min>(type);
    case max:
      return typed<max>(type);
    case min3:
      return typed<min3>(type);
    case max3:
      return typed<max3>(type);
    default:
      return nullptr;
  }
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

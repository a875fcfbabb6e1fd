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

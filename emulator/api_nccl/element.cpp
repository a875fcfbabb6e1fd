#include "emulator/api_nccl/element.hpp"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace rackproof::emulator::api_nccl {
namespace {

/// How a type is stored, and the type its arithmetic runs in.
template <typename T>
struct Native {
  using Storage = T;
  using Compute = T;
  static Compute load(Storage value) { return value; }
  static Storage store(Compute value) { return value; }
};

struct Half {
  using Storage = __half;
  using Compute = float;
  static Compute load(Storage value) { return __half2float(value); }
  static Storage store(Compute value) { return __float2half_rn(value); }
};

struct BFloat16 {
  using Storage = std::uint16_t;
  using Compute = float;
  static Compute load(Storage value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }
  /// The upper half of float32, rounded to nearest even; NaN stays NaN.
  static Storage store(Compute value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (value != value) {
      return static_cast<Storage>((bits >> 16) | 0x40U);
    }
    return static_cast<Storage>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
  }
};

template <typename Fp8>
struct Float8 {
  using Storage = Fp8;
  using Compute = float;
  static Compute load(Storage value) { return static_cast<float>(value); }
  static Storage store(Compute value) { return Fp8(value); }
};

/// Calls f.operator()<Codec>() for `type`; false if there is no such type.
template <typename F>
bool with_codec(ncclDataType_t type, F&& f) {
  switch (type) {
    case ncclInt8:
      f.template operator()<Native<std::int8_t>>();
      return true;
    case ncclUint8:
      f.template operator()<Native<std::uint8_t>>();
      return true;
    case ncclInt32:
      f.template operator()<Native<std::int32_t>>();
      return true;
    case ncclUint32:
      f.template operator()<Native<std::uint32_t>>();
      return true;
    case ncclInt64:
      f.template operator()<Native<std::int64_t>>();
      return true;
    case ncclUint64:
      f.template operator()<Native<std::uint64_t>>();
      return true;
    case ncclFloat16:
      f.template operator()<Half>();
      return true;
    case ncclFloat32:
      f.template operator()<Native<float>>();
      return true;
    case ncclFloat64:
      f.template operator()<Native<double>>();
      return true;
    case ncclBfloat16:
      f.template operator()<BFloat16>();
      return true;
    case ncclFloat8e4m3:
      f.template operator()<Float8<__nv_fp8_e4m3>>();
      return true;
    case ncclFloat8e5m2:
      f.template operator()<Float8<__nv_fp8_e5m2>>();
      return true;
    default:
      return false;
  }
}

/// Signed overflow is undefined in C++ and wraps in NCCL.
template <typename T>
T add(T a, T b) {
  if constexpr (std::integral<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  } else {
    return a + b;
  }
}

template <typename T>
T multiply(T a, T b) {
  if constexpr (std::integral<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
  } else {
    return a * b;
  }
}

template <typename Codec, typename Combine>
void combine_all(void* accumulator, const void* operand, std::size_t count, Combine combine) {
  auto* a = static_cast<typename Codec::Storage*>(accumulator);
  const auto* b = static_cast<const typename Codec::Storage*>(operand);
  for (std::size_t i = 0; i < count; ++i) {
    a[i] = Codec::store(combine(Codec::load(a[i]), Codec::load(b[i])));
  }
}

}  // namespace

std::size_t element_bytes(ncclDataType_t type) {
  std::size_t bytes = 0;
  with_codec(type, [&bytes]<typename Codec>() { bytes = sizeof(typename Codec::Storage); });
  return bytes;
}

void reduce_into(ncclDataType_t type, ncclRedOp_t op, void* accumulator, const void* operand,
                 std::size_t count) {
  with_codec(type, [=]<typename Codec>() {
    using T = typename Codec::Compute;
    switch (op) {
      case ncclProd:
        return combine_all<Codec>(accumulator, operand, count,
                                  [](T a, T b) { return multiply(a, b); });
      case ncclMax:
        return combine_all<Codec>(accumulator, operand, count,
                                  [](T a, T b) { return std::max(a, b); });
      case ncclMin:
        return combine_all<Codec>(accumulator, operand, count,
                                  [](T a, T b) { return std::min(a, b); });
      default:
        return combine_all<Codec>(accumulator, operand, count, [](T a, T b) { return add(a, b); });
    }
  });
}

void finish_average(ncclDataType_t type, void* values, std::size_t count, int ranks) {
  with_codec(type, [=]<typename Codec>() {
    using T = typename Codec::Compute;
    auto* v = static_cast<typename Codec::Storage*>(values);
    const auto divisor = static_cast<T>(ranks);
    for (std::size_t i = 0; i < count; ++i) {
      v[i] = Codec::store(static_cast<T>(Codec::load(v[i]) / divisor));
    }
  });
}

}  // namespace rackproof::emulator::api_nccl

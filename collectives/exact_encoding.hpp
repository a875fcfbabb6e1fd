#pragma once
/// Integers as the bits of an element type, for values that the type represents exactly.

#include "collectives/types.hpp"

#include <bit>
#include <cstdint>

#if defined(__CUDACC__)
#define RACKPROOF_HOST_DEVICE __host__ __device__
#else
#define RACKPROOF_HOST_DEVICE
#endif

namespace rackproof::collectives::exact {

[[nodiscard]] RACKPROOF_HOST_DEVICE inline std::uint32_t float_bits(float value) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(value);
#else
  return std::bit_cast<std::uint32_t>(value);
#endif
}

/// `Type` names the element type, `Bits` is what a buffer of it holds.
template <DataType Type>
struct Encoding {
  using Bits = std::uint32_t;
  [[nodiscard]] static RACKPROOF_HOST_DEVICE Bits encode(std::int64_t value) {
    return float_bits(static_cast<float>(value));
  }
  [[nodiscard]] static constexpr double decode(Bits bits) { return std::bit_cast<float>(bits); }
};

template <>
struct Encoding<DataType::bfloat16> {
  using Bits = std::uint16_t;
  /// bfloat16 is the upper half of float32; nothing is lost when `value` is representable.
  [[nodiscard]] static RACKPROOF_HOST_DEVICE Bits encode(std::int64_t value) {
    return static_cast<Bits>(float_bits(static_cast<float>(value)) >> 16);
  }
  [[nodiscard]] static constexpr double decode(Bits bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
  }
};

template <>
struct Encoding<DataType::int32> {
  using Bits = std::uint32_t;
  [[nodiscard]] static RACKPROOF_HOST_DEVICE Bits encode(std::int64_t value) {
    return static_cast<Bits>(value);
  }
  [[nodiscard]] static constexpr double decode(Bits bits) {
    return static_cast<std::int32_t>(bits);
  }
};

/// Calls f.operator()<Type>() for the type that `type` names.
template <typename F>
decltype(auto) with_type(DataType type, F&& f) {
  switch (type) {
    case DataType::bfloat16:
      return f.template operator()<DataType::bfloat16>();
    case DataType::int32:
      return f.template operator()<DataType::int32>();
    case DataType::float32:
      break;
  }
  return f.template operator()<DataType::float32>();
}

}  // namespace rackproof::collectives::exact

#undef RACKPROOF_HOST_DEVICE

#pragma once
/// Wrapping integer arithmetic. Included only by lanes_*.cpp (see lane_support.hpp).

#include "emulator/exec/lane_support.hpp"

namespace rackproof::emulator::exec::RACKPROOF_LANES {

template <class T>
using Unsigned = std::make_unsigned_t<T>;
// The type of twice the width, for wide products.
template <class T>
using Wide = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
    std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
                       std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;

// Wraps as the hardware does; unsigned arithmetic has no undefined overflow.
template <class T>
inline T wrap_mul(T x, T y) {
  using U = std::conditional_t<(sizeof(T) < 4), uint32_t, Unsigned<T>>;
  return static_cast<T>(static_cast<U>(x) * static_cast<U>(y));
}
template <class T>
inline T wrap_add(T x, T y) {
  return static_cast<T>(
      static_cast<Unsigned<T>>(static_cast<Unsigned<T>>(x) + static_cast<Unsigned<T>>(y)));
}
template <class T>
inline T wrap_sub(T x, T y) {
  return static_cast<T>(
      static_cast<Unsigned<T>>(static_cast<Unsigned<T>>(x) - static_cast<Unsigned<T>>(y)));
}
template <class T>
inline T mul_hi(T x, T y) {
  return static_cast<T>((static_cast<Wide<T>>(x) * static_cast<Wide<T>>(y)) >> (8 * sizeof(T)));
}
}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

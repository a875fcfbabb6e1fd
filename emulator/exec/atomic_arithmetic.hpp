#pragma once
/// What atom, red and asynchronous reductions compute: PTX ISA 9.0, sections 9.7.13.5 and 9.7.13.6.

#include "emulator/exec/handlers.hpp"

#include <bit>
#include <cstdint>
#include <type_traits>

namespace rackproof::emulator::exec {

/// The new value of an integer for the operations that need no more than it and one operand: all
/// but cas.
template <class T>
[[nodiscard]] constexpr T combine(AtomicOp op, T old, T value) {
  using U = std::make_unsigned_t<T>;
  switch (op) {
    case AtomicOp::exch:
      return value;
    case AtomicOp::min:
      return old < value ? old : value;
    case AtomicOp::max:
      return old < value ? value : old;
    case AtomicOp::inc:
      return old >= value ? T{0} : static_cast<T>(old + 1);
    case AtomicOp::dec:
      return old == 0 || old > value ? value : static_cast<T>(old - 1);
    case AtomicOp::and_:
      return static_cast<T>(old & value);
    case AtomicOp::or_:
      return static_cast<T>(old | value);
    case AtomicOp::xor_:
      return static_cast<T>(old ^ value);
    default:
      return static_cast<T>(static_cast<U>(old) + static_cast<U>(value));
  }
}

/// Atomics on global memory take a subnormal for the zero of its sign, and return that.
[[nodiscard]] inline float flushed(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return (bits & 0x7f800000U) == 0 ? std::bit_cast<float>(bits & 0x80000000U) : x;
}

}  // namespace rackproof::emulator::exec

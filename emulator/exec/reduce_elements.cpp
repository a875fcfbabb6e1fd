#include "emulator/exec/reduce_elements.hpp"

#include "emulator/exec/atomic_arithmetic.hpp"
#include "emulator/exec/lane_ops.hpp"

#include <bit>
#include <cstring>
#include <type_traits>

namespace rackproof::emulator::exec {
namespace {

template <class U, class Modify>
void modify_each(std::byte* to, const std::byte* from, std::uint64_t bytes, Modify&& modify) {
  for (std::uint64_t at = 0; at + sizeof(U) <= bytes; at += sizeof(U)) {
    auto* const target = reinterpret_cast<U*>(to + at);
    U operand;
    std::memcpy(&operand, from + at, sizeof operand);
    U old = __atomic_load_n(target, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(target, &old, modify(old, operand), false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
    }
  }
}

template <class T>
bool integers(AtomicOp op, std::byte* to, const std::byte* from, std::uint64_t bytes) {
  using U = std::make_unsigned_t<T>;
  modify_each<U>(to, from, bytes, [op](U old, U value) {
    return static_cast<U>(combine<T>(op, static_cast<T>(old), static_cast<T>(value)));
  });
  return true;
}

// Halves borrow the arithmetic of the lane handlers.
bool halves(AtomicOp op, ptx::Type type, std::byte* to, const std::byte* from,
            std::uint64_t bytes) {
  const FloatOp kind = op == AtomicOp::min   ? FloatOp::min
                       : op == AtomicOp::max ? FloatOp::max
                                             : FloatOp::add;
  const Handler arithmetic = lane_ops().half(kind, type);
  modify_each<std::uint16_t>(to, from, bytes, [&](std::uint16_t old, std::uint16_t value) {
    alignas(64) std::uint32_t rows[3][kWarpSize] = {};
    rows[0][0] = old;
    rows[1][0] = value;
    LaneContext scratch;
    scratch.base[0] = reinterpret_cast<std::byte*>(rows);
    Op inner;
    inner.a = 0;
    inner.b = sizeof rows[0];
    inner.dst = 2 * sizeof rows[0];
    arithmetic(scratch, inner, 1);
    return static_cast<std::uint16_t>(rows[2][0]);
  });
  return true;
}

bool floats(std::byte* to, const std::byte* from, std::uint64_t bytes) {
  modify_each<std::uint32_t>(to, from, bytes, [](std::uint32_t old, std::uint32_t value) {
    const float sum = flushed(std::bit_cast<float>(old)) + flushed(std::bit_cast<float>(value));
    return sum != sum ? 0x7fffffffU : std::bit_cast<std::uint32_t>(flushed(sum));
  });
  return true;
}

bool doubles(std::byte* to, const std::byte* from, std::uint64_t bytes) {
  modify_each<std::uint64_t>(to, from, bytes, [](std::uint64_t old, std::uint64_t value) {
    return std::bit_cast<std::uint64_t>(std::bit_cast<double>(old) + std::bit_cast<double>(value));
  });
  return true;
}

}  // namespace

bool reduce_elements(AtomicOp op, ptx::Type type, std::byte* to, const std::byte* from,
                     std::uint64_t bytes) {
  const bool adds = op == AtomicOp::add;
  switch (type) {
    case ptx::Type::b32:
    case ptx::Type::u32:
      return integers<std::uint32_t>(op, to, from, bytes);
    case ptx::Type::s32:
      return integers<std::int32_t>(op, to, from, bytes);
    case ptx::Type::b64:
    case ptx::Type::u64:
      return integers<std::uint64_t>(op, to, from, bytes);
    case ptx::Type::s64:
      return integers<std::int64_t>(op, to, from, bytes);
    case ptx::Type::f16:
    case ptx::Type::bf16:
      return (adds || op == AtomicOp::min || op == AtomicOp::max) &&
             halves(op, type, to, from, bytes);
    case ptx::Type::f32:
      return adds && floats(to, from, bytes);
    case ptx::Type::f64:
      return adds && doubles(to, from, bytes);
    default:
      return false;
  }
}

}  // namespace rackproof::emulator::exec

// atom and red: PTX ISA 9.0, sections 9.7.13.5 and 9.7.13.6. Lanes take effect lowest first; the
// host's own atomics make them atomic for other grids and processes.
#include "emulator/exec/atomic_arithmetic.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <bit>
#if !defined(__x86_64__)
#include <mutex>
#endif
#include <type_traits>

namespace rackproof::emulator::exec {
namespace {

// Two words that change together. x86-64 compares and exchanges 16 bytes; elsewhere a lock keeps
// the threads of this process apart.
struct alignas(16) Pair {
  std::uint64_t low;
  std::uint64_t high;
};

bool exchange_if_equal(Pair* target, Pair& expected, const Pair& wanted) {
#if defined(__x86_64__)
  bool equal = false;
  __asm__ __volatile__("lock cmpxchg16b %1"
                       : "=@ccz"(equal), "+m"(*target), "+a"(expected.low), "+d"(expected.high)
                       : "b"(wanted.low), "c"(wanted.high)
                       : "memory");
  return equal;
#else
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const Pair old = *target;
  const bool equal = old.low == expected.low && old.high == expected.high;
  *target = equal ? wanted : old;
  expected = old;
  return equal;
#endif
}

// Old value of *address, replaced by modify(old).
template <class U, class Modify>
U exchange(std::uint64_t address, Modify&& modify) {
  auto* const pointer = reinterpret_cast<U*>(address);
  if constexpr (std::is_same_v<U, Pair>) {
    Pair old = *pointer;  // a torn guess does not match, and is corrected
    while (!exchange_if_equal(pointer, old, modify(old))) {
    }
    return old;
  } else {
    U old = __atomic_load_n(pointer, __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(pointer, &old, modify(old), false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
    }
    return old;
  }
}

template <class U, class Modify>
void for_each_target(LaneContext& lanes, const Op& op, std::uint32_t mask, Modify&& modify) {
  auto& warp = static_cast<Warp&>(lanes);
  using Scalar = std::conditional_t<(sizeof(U) <= 4), std::uint32_t, std::uint64_t>;
  using Word = std::conditional_t<std::is_same_v<U, Pair>, Pair, Scalar>;
  Addresses addresses;
  lane_ops().addresses(lanes, op, mask, sizeof(U), addresses);
  auto* const dst = op.dst == kNoRef ? nullptr : register_row<Word>(lanes, op.dst);
  bool changed = warp.cta().grid().changed;
  const auto apply = [&](AddressKind kind, std::uint32_t active, Addresses& part) {
    if (kind == AddressKind::local || kind == AddressKind::parameter) {
      throw FaultRaised(Fault::Kind::illegal_address, lowest_lane(active),
                        "atomics work on global and shared memory only");
    }
    resolve(warp, op, kind, AccessType::atomic, sizeof(U), active, part);
    write_watched(warp, changed, active, sizeof(U), part, [&] {
      for_each_lane(active, [&](std::uint32_t lane) {
        const U old = exchange<U>(part.value[lane], [&](U value) {
          return modify(value, lane, kind == AddressKind::global);
        });
        if (dst != nullptr) {
          dst[lane] = old;
        }
      });
    });
  };
  const auto space = static_cast<AddressKind>(op.space);
  if (!spans_spaces(space)) {
    apply(space, mask, addresses);
    return;
  }
  while (mask != 0) {
    std::uint32_t same = 0;
    Addresses part = addresses;
    const AddressKind kind = split_space(warp, space, part, mask, sizeof(U), same);
    apply(kind, same, part);
    mask &= ~same;
  }
}

template <AtomicOp kOp, class T>
void integer(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  using U = std::make_unsigned_t<T>;
  using Word = std::conditional_t<(sizeof(T) <= 4), std::uint32_t, std::uint64_t>;
  const auto* b = register_row<Word>(lanes, op.b);
  [[maybe_unused]] const auto* c = op.c == kNoRef ? b : register_row<Word>(lanes, op.c);
  for_each_target<U>(lanes, op, mask, [=](U old, std::uint32_t lane, bool) {
    const auto operand = static_cast<T>(b[lane]);
    if constexpr (kOp == AtomicOp::cas) {
      return static_cast<T>(old) == operand ? static_cast<U>(c[lane]) : old;
    } else {
      return static_cast<U>(combine(kOp, static_cast<T>(old), operand));
    }
  });
}

// atom.add.f32 flushes subnormals in global memory, but not in shared memory.
void add_f32(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const auto* b = register_row<std::uint32_t>(lanes, op.b);
  for_each_target<std::uint32_t>(
      lanes, op, mask, [b](std::uint32_t old, std::uint32_t lane, bool global) {
        const auto x = std::bit_cast<float>(old);
        const auto y = std::bit_cast<float>(b[lane]);
        const float sum = global ? flushed(flushed(x) + flushed(y)) : x + y;
        return sum != sum ? 0x7fffffffU : std::bit_cast<std::uint32_t>(sum);
      });
}
void add_f64(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const auto* b = register_row<std::uint64_t>(lanes, op.b);
  for_each_target<std::uint64_t>(lanes, op, mask, [b](std::uint64_t old, std::uint32_t lane, bool) {
    return std::bit_cast<std::uint64_t>(std::bit_cast<double>(old) +
                                        std::bit_cast<double>(b[lane]));
  });
}

// f16 and bf16 borrow the arithmetic of the lane handlers.
template <class U, FloatOp kOp, ptx::Type kType>
void half(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  static const Handler arithmetic = lane_ops().half(kOp, kType);
  const auto* b = register_row<std::uint32_t>(lanes, op.b);
  for_each_target<U>(lanes, op, mask, [b](U old, std::uint32_t lane, bool) {
    alignas(64) std::uint32_t rows[3][kWarpSize] = {};
    rows[0][0] = old;
    rows[1][0] = b[lane];
    LaneContext scratch;
    scratch.base[0] = reinterpret_cast<std::byte*>(rows);
    Op inner;
    inner.a = 0;
    inner.b = sizeof rows[0];
    inner.dst = 2 * sizeof rows[0];
    arithmetic(scratch, inner, 1);
    return static_cast<U>(rows[2][0]);
  });
}

template <bool kCompares>
void wide(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const auto* const b = register_row<Pair>(lanes, op.b);
  const auto* const c = op.c == kNoRef ? b : register_row<Pair>(lanes, op.c);
  for_each_target<Pair>(lanes, op, mask, [b, c](const Pair& old, std::uint32_t lane, bool) {
    const bool equal = old.low == b[lane].low && old.high == b[lane].high;
    return !kCompares ? b[lane] : equal ? c[lane] : old;
  });
}

template <FloatOp kOp>
Handler half_handler(ptx::Type type) {
  switch (type) {
    case ptx::Type::f16:
      return half<std::uint16_t, kOp, ptx::Type::f16>;
    case ptx::Type::bf16:
      return half<std::uint16_t, kOp, ptx::Type::bf16>;
    case ptx::Type::f16x2:
      return half<std::uint32_t, kOp, ptx::Type::f16x2>;
    case ptx::Type::bf16x2:
      return half<std::uint32_t, kOp, ptx::Type::bf16x2>;
    default:
      return nullptr;
  }
}

template <AtomicOp kOp>
Handler typed(ptx::Type type) {
  switch (type) {
    case ptx::Type::b32:
    case ptx::Type::u32:
      return integer<kOp, std::uint32_t>;
    case ptx::Type::s32:
      return integer<kOp, std::int32_t>;
    case ptx::Type::b64:
    case ptx::Type::u64:
      return integer<kOp, std::uint64_t>;
    case ptx::Type::s64:
      return integer<kOp, std::int64_t>;
    case ptx::Type::b16:
      return kOp == AtomicOp::cas ? integer<AtomicOp::cas, std::uint16_t> : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

Handler atomic_handler(AtomicOp op, ptx::Type type) {
  switch (op) {
    case AtomicOp::add:
      return type == ptx::Type::f32                        ? add_f32
             : type == ptx::Type::f64                      ? add_f64
             : half_handler<FloatOp::add>(type) != nullptr ? half_handler<FloatOp::add>(type)
                                                           : typed<AtomicOp::add>(type);
    case AtomicOp::min:
      return half_handler<FloatOp::min>(type) != nullptr ? half_handler<FloatOp::min>(type)
                                                         : typed<AtomicOp::min>(type);
    case AtomicOp::max:
      return half_handler<FloatOp::max>(type) != nullptr ? half_handler<FloatOp::max>(type)
                                                         : typed<AtomicOp::max>(type);
    case AtomicOp::exch:
      return type == ptx::Type::b128 ? wide<false> : typed<AtomicOp::exch>(type);
    case AtomicOp::cas:
      return type == ptx::Type::b128 ? wide<true> : typed<AtomicOp::cas>(type);
    case AtomicOp::inc:
      return type == ptx::Type::u32 ? typed<AtomicOp::inc>(type) : nullptr;
    case AtomicOp::dec:
      return type == ptx::Type::u32 ? typed<AtomicOp::dec>(type) : nullptr;
    case AtomicOp::and_:
      return typed<AtomicOp::and_>(type);
    case AtomicOp::or_:
      return typed<AtomicOp::or_>(type);
    case AtomicOp::xor_:
      return typed<AtomicOp::xor_>(type);
  }
  return nullptr;
}

}  // namespace rackproof::emulator::exec

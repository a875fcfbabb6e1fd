#pragma once
/// Building blocks of the lane handlers. Included only by lanes_*.cpp, which are compiled once per
/// instruction set with RACKPROOF_LANES naming the namespace: nothing here has external linkage
/// outside it, so that the linker cannot pick an instruction the host lacks.

#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/op.hpp"

#include <bit>
#include <cstdint>
#include <type_traits>

#ifndef RACKPROOF_LANES
#define RACKPROOF_LANES lanes_portable
#endif

namespace rackproof::emulator::exec::RACKPROOF_LANES {

using std::int16_t;
using std::int32_t;
using std::int64_t;
using std::int8_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

/// The lane as stored: 32 bits for everything up to 32 bits, else 64.
template <class T>
using Word = std::conditional_t<(sizeof(T) <= 4), uint32_t, uint64_t>;

template <class T>
inline T from_word(Word<T> word) {
  if constexpr (std::is_floating_point_v<T>) {
    return __builtin_bit_cast(T, word);
  } else {
    return static_cast<T>(word);
  }
}
template <class T>
inline Word<T> to_word(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return __builtin_bit_cast(Word<T>, value);
  } else {
    return static_cast<Word<T>>(static_cast<std::make_unsigned_t<T>>(value));
  }
}

template <class T>
inline const Word<T>* source(const LaneContext& lanes, Ref ref) {
  return reinterpret_cast<const Word<T>*>(lanes.base[ref & kConstantBit] + (ref & ~3U));
}
template <class W>
inline W* destination(const LaneContext& lanes, Ref ref) {
  return reinterpret_cast<W*>(lanes.base[0] + (ref & ~3U));
}
inline uint32_t predicate(const LaneContext& lanes, Ref ref) {
  const auto word =
      *reinterpret_cast<const uint32_t*>(lanes.base[ref & kConstantBit] + (ref & ~3U));
  return (ref & kNegateBit) != 0 ? ~word : word;
}
inline void set_predicate(LaneContext& lanes, Ref ref, uint32_t value, uint32_t mask) {
  if (ref == kNoRef) {
    return;
  }
  uint32_t& word = *destination<uint32_t>(lanes, ref);
  word = (word & ~mask) | (value & mask);
}

/// Writes the lanes in `mask`; the full-mask path is what the compiler vectorises best.
template <class W>
inline void commit(W* __restrict dst, const W* __restrict result, uint32_t mask) {
  if (mask == kFullMask) {
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      dst[lane] = result[lane];
    }
  } else {
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      dst[lane] = (mask >> lane & 1U) != 0 ? result[lane] : dst[lane];
    }
  }
}

/// dst = function(a) / function(a, b) / function(a, b, c), lane by lane.
template <class D, class A, class F>
inline void map1(LaneContext& lanes, const Op& op, uint32_t mask, F function) {
  const auto* a = source<A>(lanes, op.a);
  alignas(64) Word<D> result[kWarpSize];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    result[lane] = to_word<D>(function(from_word<A>(a[lane])));
  }
  commit(destination<Word<D>>(lanes, op.dst), result, mask);
}
template <class D, class A, class B, class F>
inline void map2(LaneContext& lanes, const Op& op, uint32_t mask, F function) {
  const auto* a = source<A>(lanes, op.a);
  const auto* b = source<B>(lanes, op.b);
  alignas(64) Word<D> result[kWarpSize];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    result[lane] = to_word<D>(function(from_word<A>(a[lane]), from_word<B>(b[lane])));
  }
  commit(destination<Word<D>>(lanes, op.dst), result, mask);
}
template <class D, class A, class B, class C, class F>
inline void map3(LaneContext& lanes, const Op& op, uint32_t mask, F function) {
  const auto* a = source<A>(lanes, op.a);
  const auto* b = source<B>(lanes, op.b);
  const auto* c = source<C>(lanes, op.c);
  alignas(64) Word<D> result[kWarpSize];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    result[lane] =
        to_word<D>(function(from_word<A>(a[lane]), from_word<B>(b[lane]), from_word<C>(c[lane])));
  }
  commit(destination<Word<D>>(lanes, op.dst), result, mask);
}

Handler integer_handler(IntegerOp op, ptx::Type type);
Handler carry_handler(IntegerOp op, ptx::Type type);
Handler bit_handler(BitOp op, ptx::Type type);
Handler float_handler(FloatOp op, ptx::Type type, Rounding rounding);
Handler half_handler(FloatOp op, ptx::Type type);
Handler setp_handler(Compare compare, ptx::Type type);
Handler set_handler(Compare compare, ptx::Type type);
Handler testp_handler(TestProperty property, ptx::Type type);
Handler packed_convert_handler(const ConvertSpec& spec);
Handler convert_handler(const ConvertSpec& spec, std::uint8_t flags);
void compute_addresses(const LaneContext& lanes, const Op& op, uint32_t mask, uint32_t bytes,
                       Addresses& addresses);
AddressPattern address_pattern(const LaneContext& lanes, const Op& op, uint32_t bytes,
                               uint64_t& first);
void summarise_addresses(uint32_t mask, uint32_t bytes, Addresses& addresses);
void words_to_rows(const uint32_t* block, uint32_t* const* rows, uint32_t count, uint32_t mask);
void rows_to_words(uint32_t* block, const uint32_t* const* rows, uint32_t count);
void load_rows(const void* from, void* const* rows, uint32_t element_bytes, uint32_t count);
void store_rows(void* to, const void* const* rows, uint32_t element_bytes, uint32_t count);
void broadcast(const void* from, void* const* rows, uint32_t element_bytes, uint32_t count);
void load_narrow(const void* from, uint32_t* row, uint32_t element_bytes);
void store_narrow(void* to, const uint32_t* row, uint32_t element_bytes);
Wavefronts count_wavefronts(const Addresses& addresses, uint32_t bytes, uint32_t lanes);
Shuffled shuffle_values(const uint32_t* value, const uint32_t* amount, const uint32_t* clamp,
                        const uint32_t* members, ShuffleMode mode, uint32_t ready, uint32_t* dst);
extern const LaneOps kTable;

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES

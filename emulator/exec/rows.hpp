#pragma once
/// Register rows for handlers outside the lane files.

#include "emulator/exec/op.hpp"

#include <bit>
#include <cstdint>

namespace rackproof::emulator::exec {

template <class T>
[[nodiscard]] inline T* register_row(const LaneContext& lanes, Ref ref) {
  return reinterpret_cast<T*>(lanes.base[ref & kConstantBit] + (ref & ~3U));
}
[[nodiscard]] inline std::uint32_t read_predicate(const LaneContext& lanes, Ref ref) {
  const std::uint32_t word = *register_row<std::uint32_t>(lanes, ref);
  return (ref & kNegateBit) != 0 ? ~word : word;
}
inline void write_predicate(LaneContext& lanes, Ref ref, std::uint32_t value, std::uint32_t mask) {
  if (ref != kNoRef) {
    std::uint32_t& word = *register_row<std::uint32_t>(lanes, ref);
    word = (word & ~mask) | (value & mask);
  }
}
[[nodiscard]] inline std::uint32_t lowest_lane(std::uint32_t lanes) {
  return static_cast<std::uint32_t>(std::countr_zero(lanes));
}
/// std::popcount is a call on hosts that may lack the instruction.
[[nodiscard]] constexpr std::uint32_t count_lanes(std::uint32_t lanes) {
  if (lanes == kFullMask) {
    return kWarpSize;
  }
  lanes -= lanes >> 1 & 0x55555555U;
  lanes = (lanes & 0x33333333U) + (lanes >> 2 & 0x33333333U);
  lanes = (lanes + (lanes >> 4)) & 0x0f0f0f0fU;
  return lanes * 0x01010101U >> 24;
}
/// Calls `action(lane)` for each lane of `lanes`, lowest first.
template <class Action>
inline void for_each_lane(std::uint32_t lanes, Action&& action) {
  for (; lanes != 0; lanes &= lanes - 1) {
    action(lowest_lane(lanes));
  }
}

}  // namespace rackproof::emulator::exec

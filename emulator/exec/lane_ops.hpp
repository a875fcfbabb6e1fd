#pragma once
/// Instructions that work on registers alone, lane by lane. They are compiled once per instruction
/// set of the host (lanes_*.cpp) and chosen at start-up.

#include "emulator/exec/op.hpp"
#include "emulator/ptx/module.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace rackproof::emulator::exec {

enum class IntegerOp : std::uint8_t {
  add,
  sub,
  add_sat,
  sub_sat,
  mul_lo,
  mul_hi,
  mul_wide,
  mad_lo,
  mad_hi,
  mad_hi_sat,
  mad_wide,
  mul24_lo,
  mul24_hi,
  mad24_lo,
  mad24_hi,
  sad,
  div,
  rem,
  abs,
  neg,
  min,
  max,
  min_relu,
  max_relu,
  add_cc,
  addc,
  addc_cc,
  sub_cc,
  subc,
  subc_cc,
  mad_lo_cc,
  madc_lo,
  madc_lo_cc,
  mad_hi_cc,
  madc_hi,
  madc_hi_cc,
};
enum class BitOp : std::uint8_t {
  move,
  and_,
  or_,
  xor_,
  not_,
  cnot,
  shl,
  shr,
  popc,
  clz,
  brev,
  bfind,
  bfind_shiftamt,
  bfe,
  bfi,
  prmt,
  lop3,
  shf_l_clamp,
  shf_l_wrap,
  shf_r_clamp,
  shf_r_wrap,
  fns,
  szext_clamp,
  szext_wrap,
  bmsk_clamp,
  bmsk_wrap,
  dp4a,
  dp2a_lo,
  dp2a_hi,
  select,
  slct_s32,
  slct_f32,
};
enum class FloatOp : std::uint8_t {
  add,
  sub,
  mul,
  fma,
  div,
  rcp,
  sqrt,
  rsqrt,
  ex2,
  lg2,
  sin,
  cos,
  tanh,
  abs,
  neg,
  min,
  max,
  min3,
  max3,
  copysign,
};
/// Comparisons of setp and set; the "u" forms are also true for unordered operands.
enum class Compare : std::uint8_t {
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  lo,
  ls,
  hi,
  hs,
  equ,
  neu,
  ltu,
  leu,
  gtu,
  geu,
  num,
  nan,
};
enum class TestProperty : std::uint8_t { finite, infinite, number, notanumber, normal, subnormal };
enum class Rounding : std::uint8_t { nearest_even, zero, down, up, nearest_away };

/// Op::mode of setp, set: how the comparison meets the third, predicate operand.
enum class BoolOp : std::uint8_t { none, and_, or_, xor_ };

/// Op::immediate of a general conversion.
struct ConvertSpec {
  ptx::Type to = ptx::Type::none;
  ptx::Type from = ptx::Type::none;
  Rounding rounding = Rounding::nearest_even;
  bool to_integral = false;  ///< .rni, .rzi, .rmi, .rpi
  bool widened = false;      ///< the destination register is wider than `to`; not packed
  /// .rs: random bits in row Op::c of pairs; of four codes (Op::a to Op::d) in row Op::immediate.
  bool stochastic = false;

  [[nodiscard]] std::int64_t pack() const {
    return static_cast<std::int64_t>(to) | static_cast<std::int64_t>(from) << 8 |
           static_cast<std::int64_t>(rounding) << 16 | (to_integral ? std::int64_t{1} << 24 : 0);
  }
  [[nodiscard]] static ConvertSpec unpack(std::int64_t packed) {
    return {static_cast<ptx::Type>(packed & 0xff),
            static_cast<ptx::Type>(packed >> 8 & 0xff),
            static_cast<Rounding>(packed >> 16 & 0xff),
            (packed >> 24 & 1) != 0,
            false,
            false};
  }
};

/// One address a lane, in the address's own state space, and what they have in common. Lanes that
/// are not active repeat the address of the first active one.
struct Addresses {
  alignas(64) std::uint64_t value[kWarpSize];
  std::uint64_t low;   ///< the lowest and
  std::uint64_t high;  ///< the highest address
  std::uint64_t bits;  ///< all addresses or-ed: their alignment
  bool contiguous;     ///< all 32 lanes, each `bytes` after the one before
  bool uniform;
};
/// How the addresses of all 32 lanes lie to each other.
enum class AddressPattern : std::uint8_t {
  scattered,
  contiguous,  ///< each element right after that of the lane before
  uniform,     ///< all the same
};
/// Passes of one shared-memory request over 32 banks of 4 bytes; 8-byte accesses take two
/// half-warps, 16-byte accesses four quarters.
struct Wavefronts {
  std::uint32_t taken = 0;    ///< with replays for bank conflicts
  std::uint32_t minimum = 0;  ///< one for each part of the warp that has an active lane
};
/// Op::mode of shfl.sync.
enum class ShuffleMode : std::uint8_t { up, down, bfly, idx };
/// What a shuffle says of each lane beside the value.
struct Shuffled {
  std::uint32_t in_range = 0;  ///< its source is within its segment
  std::uint32_t astray = 0;    ///< and does not take part, or is not one of its members
  alignas(64) std::array<std::uint32_t, kWarpSize> from;  ///< lane whose value it gets
};
/// Op::mode of memory instructions: the address register has 8 bytes a lane.
inline constexpr std::uint8_t kWideAddressMode = 0x80;

/// Handlers of one instruction set. Each returns nullptr for a type that PTX does not define.
struct LaneOps {
  const char* name;
  Handler (*integer)(IntegerOp op, ptx::Type type);
  Handler (*bits)(BitOp op, ptx::Type type);
  /// Op::mode holds the Rounding, which only add, sub, mul, fma, div, rcp, sqrt honour.
  Handler (*floating)(FloatOp op, ptx::Type type, Rounding rounding);
  /// f16, bf16 and their pairs; all round to nearest even, once.
  Handler (*half)(FloatOp op, ptx::Type type);
  Handler (*setp)(Compare compare, ptx::Type type);
  /// set.*: writes all ones (or 1.0 for a float destination) instead of a predicate.
  Handler (*set)(Compare compare, ptx::Type type);
  Handler (*testp)(TestProperty property, ptx::Type type);
  /// Op::immediate: ConvertSpec. Pairs (f16x2, bf16x2, e4m3x2, ...) take Op::a as the upper half.
  Handler (*convert)(const ConvertSpec& spec, std::uint8_t flags);
  /// Row Op::a plus Op::immediate for `mask`, which is not 0; then summarise().
  void (*addresses)(const LaneContext& lanes, const Op& op, std::uint32_t mask, std::uint32_t bytes,
                    Addresses& addresses);
  /// The same row for all lanes, without writing it down: the pattern and the first lane's address.
  AddressPattern (*pattern)(const LaneContext& lanes, const Op& op, std::uint32_t bytes,
                            std::uint64_t& first);
  void (*summarise)(std::uint32_t mask, std::uint32_t bytes, Addresses& addresses);
  /// `count` (1, 2 or 4) words a lane in memory order, to and from register rows.
  void (*words_to_rows)(const std::uint32_t* block, std::uint32_t* const* rows, std::uint32_t count,
                        std::uint32_t mask);
  void (*rows_to_words)(std::uint32_t* block, const std::uint32_t* const* rows,
                        std::uint32_t count);
  /// All 32 lanes' `count` elements of 4 (1, 2, 4 of them) or 8 bytes (1, 2), which lie one after
  /// the other in memory, to and from register rows. A lane's elements move untorn.
  void (*load_rows)(const void* from, void* const* rows, std::uint32_t element_bytes,
                    std::uint32_t count);
  /// The same `count` elements for all lanes.
  void (*broadcast)(const void* from, void* const* rows, std::uint32_t element_bytes,
                    std::uint32_t count);
  void (*store_rows)(void* to, const void* const* rows, std::uint32_t element_bytes,
                     std::uint32_t count);
  /// All 32 lanes' elements of 1 or 2 bytes, one after the other in memory, to and from the low
  /// bytes of a row of words; zeros above them.
  void (*load_narrow)(const void* from, std::uint32_t* row, std::uint32_t element_bytes);
  void (*store_narrow)(void* to, const std::uint32_t* row, std::uint32_t element_bytes);
  /// Of the accesses of `lanes`, which is not 0, to `bytes` each: 32 at most, aligned to them.
  Wavefronts (*wavefronts)(const Addresses& addresses, std::uint32_t bytes, std::uint32_t lanes);
  /// shfl.sync of `ready` lanes, each with its mask of `members`; `dst` may be nullptr.
  Shuffled (*shuffle)(const std::uint32_t* value, const std::uint32_t* amount,
                      const std::uint32_t* clamp, const std::uint32_t* members, ShuffleMode mode,
                      std::uint32_t ready, std::uint32_t* dst);
};

namespace detail {
extern std::atomic<const LaneOps*> chosen_lane_ops;
[[nodiscard]] const LaneOps& choose_lane_ops();
}  // namespace detail

/// The best table that this host can run.
[[nodiscard]] inline const LaneOps& lane_ops() {
  const LaneOps* const chosen = detail::chosen_lane_ops.load(std::memory_order_relaxed);
  return chosen != nullptr ? *chosen : detail::choose_lane_ops();
}

}  // namespace rackproof::emulator::exec

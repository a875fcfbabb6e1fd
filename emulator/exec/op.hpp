#pragma once
/// One decoded instruction and the registers it works on: what handlers see.

#include <cstddef>
#include <cstdint>

namespace rackproof::emulator::exec {

inline constexpr std::uint32_t kWarpSize = 32;
inline constexpr std::uint32_t kFullMask = 0xffffffffU;

/// Where an operand lies: byte offset into the frame's registers or into the constant pool
/// (bit 0 set). Offsets are multiples of 4; bit 1 negates a predicate.
///
/// A register is a row of 32 lanes: 4 bytes each for types up to 32 bits (narrower values are
/// zero-extended), 8 bytes for 64-bit types, 16 for b128. A predicate is one word, a bit a lane.
using Ref = std::uint32_t;
inline constexpr Ref kConstantBit = 1;
inline constexpr Ref kNegateBit = 2;
inline constexpr Ref kNoRef = 0xffffffffU;

/// The two bases that a Ref selects from.
struct LaneContext {
  std::byte* base[2] = {nullptr, nullptr};
};

struct Op;
/// Executes `op` for the lanes in `mask` (never 0).
using Handler = void (*)(LaneContext& lanes, const Op& op, std::uint32_t mask);

namespace op_flags {
inline constexpr std::uint8_t kFtz = 1;       ///< subnormal inputs and results are zeros
inline constexpr std::uint8_t kSaturate = 2;  ///< .sat, .satfinite
inline constexpr std::uint8_t kAligned = 1;   ///< barriers: all threads of a warp together
inline constexpr std::uint8_t kRelu = 4;
inline constexpr std::uint8_t kOverwrites = 4;      ///< atomics: the old value does not matter
inline constexpr std::uint8_t kNan = 8;             ///< min/max: a NaN operand gives NaN
inline constexpr std::uint8_t kOutOfBounds = 8;     ///< fma: a factor from outside a tensor is 0
inline constexpr std::uint8_t kXorSign = 16;        ///< min/max.xorsign.abs; of three: .abs
inline constexpr std::uint8_t kSynchronising = 32;  ///< volatile, relaxed, acquire, release, atom
inline constexpr std::uint8_t kClockBranch = 64;  ///< a backward branch around nothing but a clock
inline constexpr std::uint8_t kSpinBranch = 128;  ///< a backward branch around polling loads
}  // namespace op_flags

struct alignas(64) Op {
  Handler handler = nullptr;
  Ref dst = kNoRef;
  Ref a = kNoRef;
  Ref b = kNoRef;
  Ref c = kNoRef;
  Ref d = kNoRef;
  Ref guard = kNoRef;
  std::int64_t immediate = 0;
  std::uint32_t list = 0;  ///< first of its refs in DecodedKernel::refs
  std::uint8_t list_size = 0;
  std::uint8_t flags = 0;
  std::uint8_t instruction_class = 0;  ///< InstructionClass
  std::uint8_t flops = 0;              ///< fp32 operations a thread
  std::uint8_t size = 0;               ///< bytes an element, for memory instructions
  std::uint8_t mode = 0;               ///< meaning depends on the handler
  std::uint8_t space = 0;              ///< AddressKind, for memory instructions
  bool expansion = false;              ///< inserted by the decoder: not counted as an instruction
  std::uint8_t semantics = 0;          ///< check::Semantics of a memory instruction
  std::uint8_t scope = 0;              ///< check::Scope of it, or of a fence
};
static_assert(sizeof(Op) == 64);

}  // namespace rackproof::emulator::exec

#pragma once
/// One video instruction (PTX ISA 9.0, section 9.7.18), decoded.

#include <cstdint>

namespace rackproof::emulator::exec {

struct VideoOp {
  enum class Kind : std::uint8_t { add, sub, absdiff, min, max, average, shl, shr, mad, set };
  enum class Second : std::uint8_t { none, add, min, max };
  enum class Comparison : std::uint8_t { eq, ne, lt, le, gt, ge };
  /// The bits of a 32-bit operand that take part.
  struct Part {
    std::uint32_t shift = 0;
    std::uint32_t bits = 32;
  };
  Kind kind = Kind::add;
  Second second = Second::none;
  Comparison comparison = Comparison::eq;
  bool signed_d = false;
  bool signed_a = false;
  bool signed_b = false;
  bool saturates = false;
  bool wraps = false;            ///< shifts: .wrap, not .clamp
  bool plus_one = false;         ///< vmad.po
  std::uint32_t scale = 0;       ///< vmad.shr7, .shr15
  std::uint32_t lane_bits = 32;  ///< 8, 16: packed
  Part d;
  Part a;
  Part b;
};

}  // namespace rackproof::emulator::exec

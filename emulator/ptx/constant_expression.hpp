#pragma once
/// Constant expressions. Source: PTX ISA 9.0, sections 4.5.3 to 4.5.5 (operators, types, rules).

#include "emulator/ptx/lexer.hpp"

#include <cstdint>

namespace rackproof::emulator::ptx {

/// Either a 64-bit integer or a floating-point number.
struct ConstantValue {
  std::uint64_t bits = 0;  ///< two's complement, f64 bits, or f32 bits when is_f32
  bool is_real = false;
  bool is_f32 = false;       ///< written as 0fXXXXXXXX
  bool is_unsigned = false;  ///< integer type .u64 rather than .s64

  [[nodiscard]] double as_real() const;
  [[nodiscard]] bool is_true() const;
};

/// Does the current token begin a constant expression (and nothing else)?
[[nodiscard]] bool at_constant(const Lexer& lexer);
/// Parses one with C precedence, the conditional operator included.
[[nodiscard]] ConstantValue parse_constant(Lexer& lexer);
/// The same, but the value has to be an integer; `what` names it in the message.
[[nodiscard]] std::int64_t parse_integer_constant(Lexer& lexer, std::string_view what);
/// A sum of signed terms such as `+4`, `-8+2` or nothing: the offset in an address.
[[nodiscard]] std::int64_t parse_offset(Lexer& lexer);

}  // namespace rackproof::emulator::ptx

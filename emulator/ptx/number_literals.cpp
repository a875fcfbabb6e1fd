#include "emulator/ptx/character_class.hpp"
#include "emulator/ptx/lexer.hpp"

#include <bit>
#include <charconv>
#include <string>
#include <system_error>

namespace rackproof::emulator::ptx {

void Lexer::scan_number() {
  const std::size_t begin = position_;
  const char second = character(1);
  const bool leading_zero = text_[begin] == '0';
  // 0fXXXXXXXX and 0dXXXXXXXXXXXXXXXX: the bits of a floating-point number (PTX ISA 4.5.2).
  if (leading_zero && (second == 'f' || second == 'F' || second == 'd' || second == 'D')) {
    const bool is_f32 = second == 'f' || second == 'F';
    const std::size_t digits = is_f32 ? 8 : 16;
    position_ += 2;
    while (has_class(character(), kHex)) {
      ++position_;
    }
    current_.text = text_.substr(begin, position_ - begin);
    if (current_.text.size() != digits + 2 || has_class(character(), kName)) {
      fail_at(current_, "a number 0" + std::string(1, second) + " takes exactly " +
                            std::to_string(digits) + " hexadecimal digits");
    }
    std::from_chars(text_.data() + begin + 2, text_.data() + position_, current_.bits, 16);
    current_.kind = TokenKind::real;
    current_.is_f32 = is_f32;
    return;
  }

  const bool hexadecimal = leading_zero && (second == 'x' || second == 'X');
  const bool binary = leading_zero && (second == 'b' || second == 'B');
  const std::size_t digits_begin = begin + (hexadecimal || binary ? 2 : 0);
  position_ = digits_begin;
  while (has_class(character(), hexadecimal ? kHex : kDigit)) {
    ++position_;
  }
  const bool exponent = character() == 'e' || character() == 'E';
  if (!hexadecimal && !binary && (character() == '.' || exponent)) {
    if (character() == '.') {
      ++position_;
    }
    while (has_class(character(), kDigit)) {
      ++position_;
    }
    if (character() == 'e' || character() == 'E') {
      position_ += character(1) == '+' || character(1) == '-' ? 2U : 1U;
      while (has_class(character(), kDigit)) {
        ++position_;
      }
    }
    current_.text = text_.substr(begin, position_ - begin);
    double value = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + begin, text_.data() + position_, value);
    if (error != std::errc() || end != text_.data() + position_ || has_class(character(), kName)) {
      fail_at(current_, "malformed or unrepresentable floating-point number");
    }
    current_.kind = TokenKind::real;
    current_.bits = std::bit_cast<std::uint64_t>(value);
    return;
  }

  const bool octal = !hexadecimal && !binary && leading_zero && position_ - digits_begin > 1;
  const int base = hexadecimal ? 16 : binary ? 2 : octal ? 8 : 10;
  const auto [end, error] =
      std::from_chars(text_.data() + digits_begin, text_.data() + position_, current_.bits, base);
  const bool complete = error == std::errc() && end == text_.data() + position_;
  if (character() == 'U' || character() == 'u') {
    current_.is_unsigned = true;
    ++position_;
  }
  const bool clean = !has_class(character(), kName);
  current_.kind = TokenKind::integer;
  current_.text = text_.substr(begin, position_ - begin);
  if (!complete || !clean) {
    fail_at(current_, "malformed integer, or one beyond 64 bits");
  }
  current_.is_unsigned = current_.is_unsigned || (current_.bits >> 63) != 0;
}

}  // namespace rackproof::emulator::ptx

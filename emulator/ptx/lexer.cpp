#include "emulator/ptx/lexer.hpp"

#include "emulator/ptx/character_class.hpp"
#include "emulator/ptx/parser.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace rackproof::emulator::ptx {
std::string quoted(std::string_view text) {
  std::string result(1, '\'');
  result += text;
  result += '\'';
  return result;
}

std::string describe(const Token& token) {
  constexpr std::size_t kShown = 64;
  if (token.kind == TokenKind::end) {
    return "the end of the text";
  }
  if (token.kind == TokenKind::dotted) {  // the point stands before the text
    return quoted({token.text.data() - 1, std::min(token.text.size() + 1, kShown)});
  }
  return quoted(token.text.substr(0, kShown));
}

Lexer::Lexer(std::string_view text, std::string_view name) : text_(text), name_(name) {
  scan();
}

Token Lexer::take() {
  const Token token = current_;
  scan();
  return token;
}

bool Lexer::accept(char punctuation) {
  if (!at(punctuation)) {
    return false;
  }
  scan();
  return true;
}

bool Lexer::accept_dotted(std::string_view text) {
  if (!at_dotted(text)) {
    return false;
  }
  scan();
  return true;
}

void Lexer::expect(char punctuation) {
  if (!accept(punctuation)) {
    fail(std::string("expected '") + punctuation + "', found " + describe(current_));
  }
}

std::string_view Lexer::expect_identifier(std::string_view what) {
  if (current_.kind != TokenKind::identifier) {
    fail("expected " + std::string(what) + ", found " + describe(current_));
  }
  return take().text;
}

std::string_view Lexer::expect_dotted(std::string_view what) {
  if (current_.kind != TokenKind::dotted) {
    fail("expected " + std::string(what) + ", found " + describe(current_));
  }
  return take().text;
}

std::uint64_t Lexer::expect_integer(std::string_view what) {
  if (current_.kind != TokenKind::integer) {
    fail("expected " + std::string(what) + ", found " + describe(current_));
  }
  return take().bits;
}

std::uint32_t Lexer::expect_u32(std::string_view what) {
  const Token token = current_;
  const std::uint64_t value = expect_integer(what);
  if (value > std::numeric_limits<std::uint32_t>::max()) {
    fail_at(token, std::string(what) + " is out of range");
  }
  return static_cast<std::uint32_t>(value);
}

bool Lexer::at_label() noexcept {
  std::size_t ahead = 0;
  while (has_class(character(ahead), kSpace)) {
    ++ahead;
  }
  return character(ahead) == ':' && character(ahead + 1) != ':';
}

std::string_view Lexer::take_mnemonic() {
  const char* begin = current_.text.data();
  for (;;) {
    if (has_class(character(), kName) || (character() == '.' && has_class(character(1), kName))) {
      ++position_;
    } else if (character() == ':' && character(1) == ':') {
      position_ += 2;
    } else {
      break;
    }
  }
  const std::string_view text(begin, static_cast<std::size_t>(text_.data() + position_ - begin));
  scan();
  return text;
}

void Lexer::skip_braces() {
  std::uint32_t depth = 0;
  do {
    if (current_.kind == TokenKind::end) {
      fail("'}' is missing");
    }
    depth += at('{') ? 1U : 0U;
    depth -= at('}') ? 1U : 0U;
    scan();
  } while (depth != 0);
}

void Lexer::fail_at(std::string_view where, std::uint32_t line, const std::string& problem) const {
  const auto offset = static_cast<std::size_t>(where.data() - text_.data());
  std::size_t line_begin = offset;
  while (line_begin > 0 && text_[line_begin - 1] != '\n') {
    --line_begin;
  }
  throw ParseError(name_, line, static_cast<std::uint32_t>(offset - line_begin + 1), problem);
}

void Lexer::fail_at(const Token& token, const std::string& problem) const {
  const bool has_point = token.kind == TokenKind::dotted;
  const char* begin = token.text.data() - (has_point ? 1 : 0);
  fail_at(std::string_view(begin, 0), token.line, problem);
}

void Lexer::fail_here(const std::string& problem) const {
  fail_at(text_.substr(position_, 0), line_, problem);
}

void Lexer::skip_space() {
  for (;;) {
    const char c = character();
    if (c == '\n') {
      ++line_;
      ++position_;
    } else if (has_class(c, kSpace)) {
      ++position_;
    } else if (c == '/' && character(1) == '/') {
      while (position_ < text_.size() && text_[position_] != '\n') {
        ++position_;
      }
    } else if (c == '/' && character(1) == '*') {
      const std::size_t end = text_.find("*/", position_ + 2);
      if (end == std::string_view::npos) {
        fail_here("a comment does not end");
      }
      for (; position_ < end + 2; ++position_) {
        line_ += text_[position_] == '\n' ? 1U : 0U;
      }
    } else {
      return;
    }
  }
}

void Lexer::scan() {
  const std::size_t before = position_;
  skip_space();
  current_ = Token{};
  current_.line = line_;
  current_.spaced = position_ != before;
  current_.text = text_.substr(position_, 0);
  if (position_ >= text_.size()) {
    return;
  }
  const char c = text_[position_];
  if (has_class(c, kDigit)) {
    scan_number();
  } else if (has_class(c, kName) || (c == '%' && has_class(character(1), kName))) {
    scan_name();
  } else if (c == '.' && has_class(character(1), kName)) {
    scan_name();
  } else if (c == '"') {
    scan_string();
  } else {
    constexpr std::string_view kSingle = "{}[](),;:|<>=@!+-*/%&^~?";
    if (kSingle.find(c) == std::string_view::npos) {
      const auto code = static_cast<unsigned char>(c);
      const bool printable = code > 0x20 && code < 0x7f;
      fail_here(printable ? std::string("unexpected character '") + c + "'"
                          : "unexpected byte " + std::to_string(code));
    }
    constexpr std::array<std::string_view, 8> kDouble = {
        "<<", ">>", "<=", ">=", "==", "!=", "&&", "||"};
    std::size_t length = 1;
    for (const std::string_view pair : kDouble) {
      if (c == pair[0] && character(1) == pair[1]) {
        length = 2;
      }
    }
    current_.kind = TokenKind::punctuation;
    current_.text = text_.substr(position_, length);
    position_ += length;
  }
}

void Lexer::scan_name() {
  const bool dotted = text_[position_] == '.';
  const std::size_t begin = position_ + (dotted ? 1 : 0);
  position_ = begin + 1;
  for (;;) {
    if (has_class(character(), kName)) {
      ++position_;
    } else if (dotted && character() == ':' && character(1) == ':') {
      position_ += 2;
    } else {
      break;
    }
  }
  current_.kind = dotted ? TokenKind::dotted : TokenKind::identifier;
  current_.text = text_.substr(begin, position_ - begin);
}

void Lexer::scan_string() {
  const std::size_t begin = ++position_;
  while (position_ < text_.size() && text_[position_] != '"' && text_[position_] != '\n') {
    position_ += text_[position_] == '\\' && position_ + 1 < text_.size() ? 2U : 1U;
  }
  if (position_ >= text_.size() || text_[position_] != '"') {
    position_ = begin - 1;
    fail_here("a string does not end on its line");
  }
  current_.kind = TokenKind::string;
  current_.text = text_.substr(begin, position_ - begin);
  ++position_;
}

}  // namespace rackproof::emulator::ptx

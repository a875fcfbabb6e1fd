#pragma once
/// Tokens of PTX text. Source: PTX ISA 9.0, chapter 4 (syntax).

#include <cstdint>
#include <string>
#include <string_view>

namespace rackproof::emulator::ptx {

enum class TokenKind : std::uint8_t {
  end,
  identifier,   ///< foo, $L__BB0_1, %r12, _
  dotted,       ///< .reg, .2d, .shared::cta: the text is without the first point
  integer,      ///< bits holds the value, sign-extended by a leading minus only in expressions
  real,         ///< bits holds an f64, or an f32 when is_f32
  string,       ///< the text between the quotation marks
  punctuation,  ///< one or two characters: { } [ ] ( ) , ; : | < > = @ ! + - * / % & ^ ~ ? << >=
                ///< ...
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;
  std::uint32_t line = 1;
  std::uint64_t bits = 0;
  bool is_f32 = false;
  bool is_unsigned = false;  ///< an integer with the suffix U or beyond the range of s64
  bool spaced = false;       ///< white space stands before it
};

/// One token of look-ahead over a text that must outlive the tokens.
class Lexer {
 public:
  Lexer(std::string_view text, std::string_view name);

  [[nodiscard]] const Token& peek() const noexcept { return current_; }
  Token take();

  [[nodiscard]] bool at(char punctuation) const noexcept {
    return current_.kind == TokenKind::punctuation && current_.text.size() == 1 &&
           current_.text[0] == punctuation;
  }
  [[nodiscard]] bool at_dotted(std::string_view text) const noexcept {
    return current_.kind == TokenKind::dotted && current_.text == text;
  }
  bool accept(char punctuation);
  bool accept_dotted(std::string_view text);
  /// The token or ParseError "expected ...".
  void expect(char punctuation);
  std::string_view expect_identifier(std::string_view what);
  std::string_view expect_dotted(std::string_view what);
  std::uint64_t expect_integer(std::string_view what);
  std::uint32_t expect_u32(std::string_view what);

  /// Is the current token an identifier before a single colon?
  [[nodiscard]] bool at_label() noexcept;
  /// The current identifier with all modifiers that follow without white space: "ld.global.u32".
  std::string_view take_mnemonic();

  /// Skips a balanced `{ ... }`; the current token is the `{`.
  void skip_braces();

  [[noreturn]] void fail(const std::string& problem) const { fail_at(current_, problem); }
  [[noreturn]] void fail_at(const Token& token, const std::string& problem) const;
  [[noreturn]] void fail_at(std::string_view where, std::uint32_t line,
                            const std::string& problem) const;

 private:
  void scan();
  void skip_space();
  void scan_number();
  void scan_string();
  void scan_name();
  [[noreturn]] void fail_here(const std::string& problem) const;
  [[nodiscard]] char character(std::size_t ahead = 0) const noexcept {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t position_ = 0;
  std::uint32_t line_ = 1;
  Token current_;
};

/// The text in single quotation marks.
[[nodiscard]] std::string quoted(std::string_view text);

/// "'add'" for messages; "the end of the text" for the last token.
[[nodiscard]] std::string describe(const Token& token);

}  // namespace rackproof::emulator::ptx

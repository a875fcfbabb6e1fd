#include "emulator/ptx/constant_expression.hpp"

#include <array>
#include <bit>
#include <limits>

namespace rackproof::emulator::ptx {
namespace {

// Deeper nesting than any program has; it keeps hostile text from exhausting the stack.
constexpr int kMaximumDepth = 200;
constexpr int kMultiplicative = 10;

struct BinaryOperator {
  std::string_view text;
  int precedence;
};
constexpr std::array<BinaryOperator, 18> kOperators = {{{"*", 10},
                                                        {"/", 10},
                                                        {"%", 10},
                                                        {"+", 9},
                                                        {"-", 9},
                                                        {">>", 8},
                                                        {"<<", 8},
                                                        {"<", 7},
                                                        {">", 7},
                                                        {"<=", 7},
                                                        {">=", 7},
                                                        {"==", 6},
                                                        {"!=", 6},
                                                        {"&", 5},
                                                        {"^", 4},
                                                        {"|", 3},
                                                        {"&&", 2},
                                                        {"||", 1}}};

ConstantValue integer(std::uint64_t bits, bool is_unsigned) {
  return {.bits = bits, .is_unsigned = is_unsigned};
}
ConstantValue real(double value) {
  return {.bits = std::bit_cast<std::uint64_t>(value), .is_real = true};
}

class Evaluator {
 public:
  explicit Evaluator(Lexer& lexer) : lexer_(lexer) {}

  ConstantValue conditional() {
    const ConstantValue condition = binary(1);
    if (!lexer_.accept('?')) {
      return condition;
    }
    const ConstantValue if_true = conditional();
    lexer_.expect(':');
    const ConstantValue if_false = conditional();
    return condition.is_true() ? if_true : if_false;
  }

  ConstantValue binary(int minimum) {
    enter();
    ConstantValue left = unary();
    for (;;) {
      const BinaryOperator* found = nullptr;
      if (lexer_.peek().kind == TokenKind::punctuation) {
        for (const BinaryOperator& candidate : kOperators) {
          if (candidate.text == lexer_.peek().text && candidate.precedence >= minimum) {
            found = &candidate;
          }
        }
      }
      if (found == nullptr) {
        --depth_;
        return left;
      }
      const Token token = lexer_.take();
      const ConstantValue right = binary(found->precedence + 1);
      left = left.is_real || right.is_real ? apply_real(token, left.as_real(), right.as_real())
                                           : apply_integer(token, left, right);
    }
  }

 private:
  void enter() {
    if (++depth_ > kMaximumDepth) {
      lexer_.fail("a constant expression is nested too deeply");
    }
  }

  ConstantValue unary() {
    enter();
    const ConstantValue value = unary_operand();
    --depth_;
    return value;
  }

  ConstantValue unary_operand() {
    const Token token = lexer_.peek();
    if (lexer_.accept('-')) {
      ConstantValue value = unary();
      if (value.is_real) {
        value.bits ^= std::uint64_t{1} << (value.is_f32 ? 31 : 63);
      } else {
        value.bits = 0 - value.bits;
      }
      return value;
    }
    if (lexer_.accept('+')) {
      return unary();
    }
    if (lexer_.accept('!')) {
      return integer(unary().is_true() ? 0 : 1, false);
    }
    if (lexer_.accept('~')) {
      const ConstantValue value = unary();
      if (value.is_real) {
        lexer_.fail_at(token, "'~' takes an integer");
      }
      return integer(~value.bits, value.is_unsigned);
    }
    if (lexer_.accept('(')) {
      return parenthesis();
    }
    if (token.kind == TokenKind::integer) {
      lexer_.take();
      return integer(token.bits, token.is_unsigned);
    }
    if (token.kind == TokenKind::real) {
      lexer_.take();
      return {.bits = token.bits, .is_real = true, .is_f32 = token.is_f32};
    }
    if (token.kind == TokenKind::identifier && token.text == "WARP_SZ") {
      lexer_.take();
      return integer(32, false);
    }
    lexer_.fail("expected a constant, found " + describe(token));
  }

  ConstantValue parenthesis() {
    if (lexer_.peek().kind != TokenKind::dotted) {
      const ConstantValue value = conditional();
      lexer_.expect(')');
      return value;
    }
    const Token type = lexer_.take();
    if (type.text != "s64" && type.text != "u64") {
      lexer_.fail_at(type, "a constant is cast to .s64 or .u64 only");
    }
    lexer_.expect(')');
    const ConstantValue value = unary();
    if (!value.is_real) {
      return integer(value.bits, type.text == "u64");
    }
    return integer(static_cast<std::uint64_t>(static_cast<std::int64_t>(value.as_real())),
                   type.text == "u64");
  }

  ConstantValue apply_real(const Token& token, double a, double b) {
    const std::string_view op = token.text;
    if (op == "+") {
      return real(a + b);
    }
    if (op == "-") {
      return real(a - b);
    }
    if (op == "*") {
      return real(a * b);
    }
    if (op == "/") {
      return real(a / b);
    }
    const bool truth[] = {a<b, a> b, a <= b,           a >= b,          a == b,
                          a != b,    a != 0 && b != 0, a != 0 || b != 0};
    constexpr std::array<std::string_view, 8> kNames = {
        "<", ">", "<=", ">=", "==", "!=", "&&", "||"};
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      if (op == kNames[i]) {
        return integer(truth[i] ? 1 : 0, false);
      }
    }
    lexer_.fail_at(token, quoted(op) + " takes integers");
  }

  ConstantValue apply_integer(const Token& token, ConstantValue left, ConstantValue right) {
    const std::string_view op = token.text;
    const std::uint64_t a = left.bits;
    const std::uint64_t b = right.bits;
    const bool is_unsigned = left.is_unsigned || right.is_unsigned;
    const auto sa = static_cast<std::int64_t>(a);
    const auto sb = static_cast<std::int64_t>(b);
    if (op == "/" || op == "%") {
      return divide(token, a, b, is_unsigned);
    }
    if (op == "<<" || op == ">>") {
      const unsigned count = b > 63 ? 64 : static_cast<unsigned>(b);
      if (op == "<<") {
        return integer(count > 63 ? 0 : a << count, left.is_unsigned);
      }
      if (left.is_unsigned) {
        return integer(count > 63 ? 0 : a >> count, true);
      }
      return integer(static_cast<std::uint64_t>(sa >> (count > 63 ? 63 : count)), false);
    }
    const auto truth = [&](bool value) { return integer(value ? 1 : 0, false); };
    switch (op[0]) {
      case '*':
        return integer(a * b, is_unsigned);
      case '+':
        return integer(a + b, is_unsigned);
      case '-':
        return integer(a - b, is_unsigned);
      case '^':
        return integer(a ^ b, is_unsigned);
      case '&':
        return op.size() == 2 ? truth(a != 0 && b != 0) : integer(a & b, is_unsigned);
      case '|':
        return op.size() == 2 ? truth(a != 0 || b != 0) : integer(a | b, is_unsigned);
      case '=':
        return truth(a == b);
      case '!':
        return truth(a != b);
      default:
        break;
    }
    const bool less = is_unsigned ? a < b : sa < sb;
    if (op == "<") {
      return truth(less);
    }
    if (op == ">=") {
      return truth(!less);
    }
    return truth(op == ">" ? !less && a != b : less || a == b);
  }

  ConstantValue divide(const Token& token, std::uint64_t a, std::uint64_t b, bool is_unsigned) {
    if (b == 0) {
      lexer_.fail_at(token, "a constant is divided by zero");
    }
    const bool quotient = token.text == "/";
    if (is_unsigned) {
      return integer(quotient ? a / b : a % b, true);
    }
    const auto sa = static_cast<std::int64_t>(a);
    const auto sb = static_cast<std::int64_t>(b);
    if (sb == -1) {
      return integer(quotient ? 0 - a : 0, false);
    }
    return integer(static_cast<std::uint64_t>(quotient ? sa / sb : sa % sb), false);
  }

  Lexer& lexer_;
  int depth_ = 0;
};

}  // namespace

double ConstantValue::as_real() const {
  if (is_f32) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  }
  if (is_real) {
    return std::bit_cast<double>(bits);
  }
  return is_unsigned ? static_cast<double>(bits)
                     : static_cast<double>(static_cast<std::int64_t>(bits));
}

bool ConstantValue::is_true() const {
  return is_real ? as_real() != 0 : bits != 0;
}

bool at_constant(const Lexer& lexer) {
  const Token& token = lexer.peek();
  return token.kind == TokenKind::integer || token.kind == TokenKind::real || lexer.at('-') ||
         lexer.at('+') || lexer.at('~') || lexer.at('(') ||
         (token.kind == TokenKind::identifier && token.text == "WARP_SZ");
}

ConstantValue parse_constant(Lexer& lexer) {
  return Evaluator(lexer).conditional();
}

std::int64_t parse_integer_constant(Lexer& lexer, std::string_view what) {
  const Token token = lexer.peek();
  const ConstantValue value = parse_constant(lexer);
  if (value.is_real) {
    lexer.fail_at(token, std::string(what) + " has to be an integer");
  }
  return static_cast<std::int64_t>(value.bits);
}

std::int64_t parse_offset(Lexer& lexer) {
  std::uint64_t offset = 0;
  while (lexer.at('+') || lexer.at('-')) {
    const Token sign = lexer.take();
    const ConstantValue term = Evaluator(lexer).binary(kMultiplicative);
    if (term.is_real) {
      lexer.fail_at(sign, "an offset has to be an integer");
    }
    offset = sign.text == "+" ? offset + term.bits : offset - term.bits;
  }
  return static_cast<std::int64_t>(offset);
}

}  // namespace rackproof::emulator::ptx

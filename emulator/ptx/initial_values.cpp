#include "emulator/ptx/constant_expression.hpp"
#include "emulator/ptx/types.hpp"
#include "emulator/ptx/variable_parser.hpp"

#include <bit>
#include <utility>

namespace rackproof::emulator::ptx {
namespace {

// Far above any real table; it keeps hostile text from exhausting memory.
constexpr std::uint64_t kMaximumInitialBytes = std::uint64_t{1} << 30;

}  // namespace

void VariableParser::parse_initialiser(Variable& variable) {
  if (variable.type == Type::samplerref || variable.type == Type::texref ||
      variable.type == Type::surfref) {
    parse_sampler_fields();
    return;
  }
  if (!lexer_.at('{')) {
    if (!variable.dimensions.empty() || variable.vector_elements > 1) {
      lexer_.fail("the initial values of an array or a vector stand in '{ }'");
    }
    parse_initial_value(variable, 0);
    return;
  }
  parse_initial_level(variable, 0, 0);
}

void VariableParser::parse_initial_level(Variable& variable, std::size_t level,
                                         std::uint64_t offset) {
  const std::size_t vector_level = variable.vector_elements > 1 ? 1 : 0;
  const std::size_t levels = variable.dimensions.size() + vector_level;
  const bool open = level == 0 && !variable.dimensions.empty() && variable.dimensions[0] == 0;
  std::uint64_t stride = size_bytes(variable.type);
  for (std::size_t inner = level + 1; inner < levels; ++inner) {
    stride *=
        inner < variable.dimensions.size() ? variable.dimensions[inner] : variable.vector_elements;
  }
  const std::uint64_t limit =
      level < variable.dimensions.size() ? variable.dimensions[level] : variable.vector_elements;
  lexer_.expect('{');
  std::uint64_t count = 0;
  while (!lexer_.at('}')) {
    // A level without braces of its own is filled in row-major order.
    const bool braces = lexer_.at('{');
    const std::uint64_t unit = braces ? stride : size_bytes(variable.type);
    const std::uint64_t at = offset + count * unit;
    const std::uint64_t end = open ? kMaximumInitialBytes : offset + limit * stride;
    if (at + unit > end) {
      lexer_.fail("more initial values than " + quoted(variable.name) + " has elements");
    }
    if (open && variable.size_bytes < at + unit) {
      variable.size_bytes = at + unit;
    }
    if (braces && level + 1 < levels) {
      parse_initial_level(variable, level + 1, at);
    } else {
      parse_initial_value(variable, at);
    }
    ++count;
    if (!lexer_.accept(',')) {
      break;
    }
  }
  lexer_.expect('}');
  if (open) {
    variable.dimensions[0] = (variable.size_bytes + stride - 1) / stride;
    variable.size_bytes = variable.dimensions[0] * stride;
  }
}

void VariableParser::parse_initial_value(Variable& variable, std::uint64_t offset) {
  if (lexer_.peek().kind == TokenKind::identifier && lexer_.peek().text != "WARP_SZ") {
    parse_initial_symbol(variable, offset, 0);
    return;
  }
  const Token token = lexer_.peek();
  const ConstantValue value = parse_constant(lexer_);
  if (lexer_.at('(') && token.kind == TokenKind::integer) {
    parse_initial_symbol(variable, offset, value.bits);
    return;
  }
  if (!is_floating_point(variable.type)) {
    if (value.is_real && variable.type != Type::f16x2) {
      lexer_.fail_at(token, quoted(variable.name) + " takes integers");
    }
    store(variable, offset, value.bits);
    return;
  }
  if (variable.type == Type::f64) {
    store(variable, offset, std::bit_cast<std::uint64_t>(value.as_real()));
  } else if (variable.type == Type::f32) {
    const bool exact = value.is_real && value.is_f32;
    store(variable, offset,
          exact ? value.bits : std::bit_cast<std::uint32_t>(static_cast<float>(value.as_real())));
  } else {
    lexer_.fail_at(token, "initial values of .f16 variables are not defined by PTX");
  }
}

void VariableParser::parse_initial_symbol(Variable& variable, std::uint64_t offset,
                                          std::uint64_t mask) {
  Relocation relocation{
      .offset = offset, .generic = false, .size_bytes = size_bytes(variable.type)};
  const Token start = lexer_.peek();
  if (mask != 0) {
    relocation.shift_bits = static_cast<std::uint32_t>(std::countr_zero(mask));
    if (mask >> relocation.shift_bits != 0xff || relocation.shift_bits % 8 != 0) {
      lexer_.fail("a mask selects one byte: 0xFF, 0xFF00, ...");
    }
    relocation.size_bytes = 1;
    lexer_.expect('(');
  }
  Token symbol = lexer_.peek();
  std::string_view name = lexer_.expect_identifier("the name of a variable or a function");
  if (name == "generic" && lexer_.accept('(')) {
    relocation.generic = true;
    symbol = lexer_.peek();
    name = lexer_.expect_identifier("the name of a variable");
    relocation.addend = parse_offset(lexer_);
    lexer_.expect(')');
  }
  if (!symbols_.contains(name)) {
    lexer_.fail_at(symbol, "undeclared symbol " + quoted(name));
  }
  relocation.symbol = name;
  relocation.addend += parse_offset(lexer_);
  if (mask != 0) {
    lexer_.expect(')');
  } else if (relocation.size_bytes < 4 || is_floating_point(variable.type)) {
    lexer_.fail_at(start, "an address needs a variable of 4 or 8 bytes");
  }
  variable.relocations.push_back(std::move(relocation));
}

void VariableParser::parse_sampler_fields() {
  lexer_.expect('{');
  do {
    (void)lexer_.expect_identifier("the name of a field");
    lexer_.expect('=');
    if (lexer_.peek().kind == TokenKind::identifier) {
      lexer_.take();
    } else {
      (void)parse_constant(lexer_);
    }
  } while (lexer_.accept(','));
  lexer_.expect('}');
}

void VariableParser::store(Variable& variable, std::uint64_t offset, std::uint64_t bits) {
  const std::uint32_t bytes = size_bytes(variable.type);
  if (offset > kMaximumInitialBytes) {
    lexer_.fail("the initial values of " + quoted(variable.name) + " take more than 1 GiB");
  }
  if (variable.initial.size() < offset + bytes) {
    variable.initial.resize(offset + bytes);
  }
  for (std::uint32_t i = 0; i < bytes && i < 8; ++i) {
    variable.initial[offset + i] = static_cast<std::uint8_t>(bits >> (8 * i));
  }
}

}  // namespace rackproof::emulator::ptx

#include "emulator/ptx/variable_parser.hpp"

#include "emulator/ptx/constant_expression.hpp"
#include "emulator/ptx/types.hpp"

#include <bit>
#include <utility>

namespace rackproof::emulator::ptx {
namespace {

// 1 TiB: far beyond any device; it keeps sizes clear of overflow.
constexpr std::uint64_t kMaximumBytes = std::uint64_t{1} << 40;
constexpr std::uint64_t kMaximumInitialBytes = std::uint64_t{1} << 30;

}  // namespace

std::optional<StateSpace> state_space(std::string_view dotted) {
  if (dotted == "global") {
    return StateSpace::global;
  }
  if (dotted == "const") {
    return StateSpace::constant;
  }
  if (dotted == "shared" || dotted == "shared::cta") {
    return StateSpace::shared;
  }
  if (dotted == "local") {
    return StateSpace::local;
  }
  if (dotted == "param") {
    return StateSpace::param;
  }
  if (dotted == "reg") {
    return StateSpace::reg;
  }
  return std::nullopt;
}

VariableParser::Specifiers VariableParser::parse_specifiers() {
  Specifiers result;
  while (lexer_.peek().kind == TokenKind::dotted) {
    const Token token = lexer_.take();
    if (token.text == "align") {
      const std::uint64_t alignment = lexer_.expect_integer("an alignment");
      if (!std::has_single_bit(alignment) || alignment > (1U << 20)) {
        lexer_.fail_at(token, "an alignment has to be a power of two");
      }
      result.alignment = static_cast<std::uint32_t>(alignment);
    } else if (token.text == "v2" || token.text == "v4" || token.text == "v8") {
      result.vector_elements = static_cast<std::uint32_t>(token.text[1] - '0');
    } else if (token.text == "attribute") {
      parse_attribute(result);
    } else if (token.text == "ptr") {
      parse_pointer_attributes();
    } else if (const auto type = type_from_string(token.text); type && result.type == Type::none) {
      if (!is_storable(*type) && *type != Type::pred) {
        lexer_.fail_at(token, "a variable cannot have the type " + describe(token));
      }
      result.type = *type;
    } else {
      lexer_.fail_at(token, "unexpected " + describe(token) + " in a declaration");
    }
  }
  if (result.type == Type::none) {
    lexer_.fail("expected a type, found " + describe(lexer_.peek()));
  }
  return result;
}

void VariableParser::parse_pointer_attributes() {
  // `.ptr{.space}{.align N}`: a promise to the optimiser, of no effect on results.
  const Token& token = lexer_.peek();
  if (token.kind == TokenKind::dotted && token.text != "align" && state_space(token.text)) {
    lexer_.take();
  }
  if (lexer_.accept_dotted("align")) {
    (void)lexer_.expect_integer("an alignment");
  }
}

void VariableParser::parse_attribute(Specifiers& specifiers) {
  lexer_.expect('(');
  do {
    const Token token = lexer_.peek();
    const std::string_view attribute = lexer_.expect_dotted("an attribute");
    if (attribute == "managed") {
      specifiers.managed = true;
    } else if (attribute == "unified") {
      lexer_.expect('(');
      (void)lexer_.expect_integer("a number");
      lexer_.expect(',');
      (void)lexer_.expect_integer("a number");
      lexer_.expect(')');
    } else {
      lexer_.fail_at(token, "unknown attribute " + describe(token));
    }
  } while (lexer_.accept(','));
  lexer_.expect(')');
}

void VariableParser::parse_dimensions(Variable& variable) {
  while (lexer_.accept('[')) {
    if (lexer_.accept(']')) {
      if (!variable.dimensions.empty()) {
        lexer_.fail("only the first dimension may be open");
      }
      variable.dimensions.push_back(0);
      continue;
    }
    const std::int64_t size = parse_integer_constant(lexer_, "the size of an array");
    if (size < 0 || static_cast<std::uint64_t>(size) > kMaximumBytes) {
      lexer_.fail("the size of an array is out of range");
    }
    variable.dimensions.push_back(static_cast<std::uint64_t>(size));
    lexer_.expect(']');
  }
}

void VariableParser::finish_layout(Variable& variable, const Token& name) {
  // Opaque handles take 8 bytes wherever they are stored.
  const std::uint32_t element_bytes =
      size_bytes(variable.type) != 0 ? size_bytes(variable.type) : 8;
  variable.size_bytes = std::uint64_t{element_bytes} * variable.vector_elements;
  if (variable.alignment == 0) {
    variable.alignment = static_cast<std::uint32_t>(variable.size_bytes);
  }
  for (const std::uint64_t dimension : variable.dimensions) {
    if (dimension != 0 && variable.size_bytes > kMaximumBytes / dimension) {
      lexer_.fail_at(name, "variable " + describe(name) + " is larger than any memory");
    }
    variable.size_bytes *= dimension;
  }
}

std::vector<DeclaredVariable> VariableParser::parse_declaration(StateSpace space, Linkage linkage,
                                                                const SourceLocation& where) {
  const Specifiers specifiers = parse_specifiers();
  std::vector<DeclaredVariable> result;
  do {
    const Token name = lexer_.peek();
    Variable variable;
    variable.name = lexer_.expect_identifier("the name of a variable");
    variable.space = space;
    variable.linkage = linkage;
    variable.where = where;
    variable.where.ptx_line = name.line;
    variable.type = specifiers.type;
    variable.alignment = specifiers.alignment;
    variable.vector_elements = specifiers.vector_elements;
    variable.managed = specifiers.managed;
    if (variable.type == Type::pred) {
      lexer_.fail_at(name, "a predicate can only be a register");
    }
    parse_dimensions(variable);
    finish_layout(variable, name);
    if (lexer_.accept('=')) {
      if (space != StateSpace::global && space != StateSpace::constant) {
        lexer_.fail_at(name, "only .global and .const variables have initial values");
      }
      parse_initialiser(variable);
    } else if (!variable.dimensions.empty() && variable.dimensions[0] == 0 &&
               linkage != Linkage::external) {
      lexer_.fail_at(name, "an array without a size has to be .extern or to have initial values");
    }
    result.push_back({std::move(variable), name});
  } while (lexer_.accept(','));
  lexer_.expect(';');
  return result;
}

DeclaredVariable VariableParser::parse_parameter(bool named, const SourceLocation& where) {
  const Token first = lexer_.peek();
  const auto space = state_space(lexer_.expect_dotted("'.param' or '.reg'"));
  if (space != StateSpace::param && space != StateSpace::reg) {
    lexer_.fail_at(first, "a parameter is in .param or .reg, not " + describe(first));
  }
  const Specifiers specifiers = parse_specifiers();
  DeclaredVariable result;
  Variable& variable = result.variable;
  variable.space = *space;
  variable.type = specifiers.type;
  variable.alignment = specifiers.alignment;
  variable.vector_elements = specifiers.vector_elements;
  variable.where = where;
  variable.where.ptx_line = first.line;
  result.name = lexer_.peek();
  if (named || lexer_.peek().kind == TokenKind::identifier) {
    variable.name = lexer_.expect_identifier("the name of a parameter");
  }
  parse_dimensions(variable);
  if (variable.type == Type::pred && *space != StateSpace::reg) {
    lexer_.fail_at(first, "a predicate can only be a register");
  }
  finish_layout(variable, result.name);
  return result;
}

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
    const std::uint64_t end = open ? kMaximumBytes : offset + limit * stride;
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

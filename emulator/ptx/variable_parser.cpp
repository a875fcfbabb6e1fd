#include "emulator/ptx/variable_parser.hpp"

#include "emulator/ptx/constant_expression.hpp"
#include "emulator/ptx/types.hpp"

#include <bit>
#include <utility>

namespace rackproof::emulator::ptx {
namespace {

// 1 TiB: far beyond any device; it keeps sizes clear of overflow.
constexpr std::uint64_t kMaximumBytes = std::uint64_t{1} << 40;

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

}  // namespace rackproof::emulator::ptx

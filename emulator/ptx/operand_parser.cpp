#include "emulator/ptx/constant_expression.hpp"
#include "emulator/ptx/function_parser.hpp"
#include "emulator/ptx/special_registers.hpp"
#include "emulator/ptx/types.hpp"

#include <array>
#include <utility>

namespace rackproof::emulator::ptx {
namespace {

// A vector inside an address inside a vector: nothing legal nests deeper.
constexpr std::uint32_t kMaximumNesting = 4;

/// 0 to 3 for x y z w or r g b a; -1 for anything else.
int element_index(std::string_view suffix) {
  if (suffix.size() != 1) {
    return -1;
  }
  constexpr std::string_view kPosition = "xyzw";
  constexpr std::string_view kColour = "rgba";
  const std::size_t position = kPosition.find(suffix[0]);
  const std::size_t colour = kColour.find(suffix[0]);
  if (position != std::string_view::npos) {
    return static_cast<int>(position);
  }
  return colour != std::string_view::npos ? static_cast<int>(colour) : -1;
}

/// The static copy of a video selector; empty if it is none.
std::string_view video_selector(std::string_view suffix) {
  constexpr std::array<std::string_view, 26> kSelectors = {
      "b0",  "b1",  "b2",  "b3",    "h0",    "h1",    "b10",   "b20",   "b30",
      "b21", "b31", "b32", "b210",  "b310",  "b320",  "b321",  "b3210", "h10",
      "h00", "h11", "h01", "b0000", "b1111", "b2222", "b3333", "b7654"};
  for (const std::string_view selector : kSelectors) {
    if (selector == suffix) {
      return selector;
    }
  }
  return {};
}

}  // namespace

Operand FunctionParser::parse_operand() {
  Operand first = parse_operand_without_pair();
  if (!lexer_.at('|')) {
    return first;
  }
  const bool legal = std::holds_alternative<RegisterOperand>(first.value) ||
                     std::holds_alternative<SinkOperand>(first.value);
  if (!legal) {
    lexer_.fail("'|' joins two destination registers");
  }
  lexer_.take();
  PairOperand pair;
  pair.elements.push_back(std::move(first));
  pair.elements.push_back(parse_operand_without_pair());
  return {std::move(pair)};
}

Operand FunctionParser::parse_operand_without_pair() {
  const Token& token = lexer_.peek();
  if (token.kind == TokenKind::identifier) {
    return parse_named_operand();
  }
  if (at_constant(lexer_)) {
    return parse_constant_operand();
  }
  if (lexer_.at('[')) {
    return parse_bracketed_operand();
  }
  if (lexer_.at('{')) {
    return parse_vector_operand();
  }
  if (lexer_.accept('!')) {
    const Token name = lexer_.peek();
    (void)lexer_.expect_identifier("a predicate register");
    const NamedRegister reg = require_register(name);
    if (function_.registers[reg.first].type != Type::pred) {
      lexer_.fail_at(name, "'!' takes a predicate register");
    }
    return {RegisterOperand{.index = reg.first, .negated = true}};
  }
  lexer_.fail("expected an operand, found " + describe(token));
}

Operand FunctionParser::parse_constant_operand() {
  const ConstantValue value = parse_constant(lexer_);
  if (value.is_real) {
    return {FloatLiteral{.bits = value.bits, .is_f32 = value.is_f32}};
  }
  return {IntegerLiteral{static_cast<std::int64_t>(value.bits)}};
}

Operand FunctionParser::parse_named_operand() {
  const Token& peeked = lexer_.peek();
  if (peeked.text == "WARP_SZ") {
    return parse_constant_operand();
  }
  const Token name = lexer_.take();
  if (const NamedRegister* reg = scope_.find_register(name.text)) {
    return parse_register_operand(name, *reg);
  }
  if (name.text == "_") {
    return {SinkOperand{}};
  }
  if (name.text[0] == '%') {
    return parse_special_register(name);
  }
  return parse_symbol_operand(name);
}

Operand FunctionParser::parse_register_operand(const Token& name, NamedRegister reg) {
  if (lexer_.peek().kind == TokenKind::dotted && !lexer_.peek().spaced) {
    const Token suffix = lexer_.take();
    const int element = element_index(suffix.text);
    if (reg.elements > 1 && element >= 0 && static_cast<std::uint32_t>(element) < reg.elements) {
      return {RegisterOperand{.index = reg.first + static_cast<std::uint32_t>(element)}};
    }
    const std::string_view selector = video_selector(suffix.text);
    if (reg.elements > 1 || selector.empty()) {
      lexer_.fail_at(suffix, "register " + describe(name) + " has no part " + describe(suffix));
    }
    return {RegisterOperand{.index = reg.first, .selector = selector}};
  }
  if (reg.elements == 1) {
    return {RegisterOperand{.index = reg.first}};
  }
  VectorOperand vector;
  for (std::uint32_t i = 0; i < reg.elements; ++i) {
    vector.elements.push_back({RegisterOperand{.index = reg.first + i}});
  }
  return {std::move(vector)};
}

Operand FunctionParser::parse_special_register(const Token& name) {
  std::string full(name.text.substr(1));
  if (lexer_.peek().kind == TokenKind::dotted && !lexer_.peek().spaced) {
    full += '.';
    full += lexer_.take().text;
  }
  if (!is_special_register(full)) {
    lexer_.fail_at(name, "undeclared register '%" + full + "'");
  }
  return {SpecialRegister{std::move(full)}};
}

std::string FunctionParser::resolve_symbol(const Token& name) const {
  if (const std::string* unique = scope_.find_variable(name.text)) {
    return *unique;
  }
  if (!symbols_.contains(name.text)) {
    lexer_.fail_at(name, "undeclared symbol " + describe(name));
  }
  return std::string(name.text);
}

const Variable* FunctionParser::find_declaration(std::string_view unique) const {
  for (const std::vector<Variable>* list :
       {&function_.variables, &function_.parameters, &function_.returns, &module_.variables}) {
    for (const Variable& variable : *list) {
      if (variable.name == unique) {
        return &variable;
      }
    }
  }
  return nullptr;
}

std::int64_t FunctionParser::parse_element_offset(std::string_view symbol) {
  // `array[3]` is the address of an element (PTX ISA 6.4.2), here with constant indices only.
  if (!lexer_.at('[')) {
    return 0;
  }
  const Variable* variable = find_declaration(symbol);
  if (variable == nullptr || variable->dimensions.empty()) {
    lexer_.fail(quoted(symbol) + " is no array");
  }
  std::uint64_t stride = std::uint64_t{size_bytes(variable->type)} * variable->vector_elements;
  for (std::size_t i = 1; i < variable->dimensions.size(); ++i) {
    stride *= variable->dimensions[i];
  }
  std::uint64_t offset = 0;
  for (std::size_t level = 0; lexer_.accept('['); ++level) {
    if (level >= variable->dimensions.size()) {
      lexer_.fail(quoted(symbol) + " has fewer dimensions");
    }
    offset += stride * static_cast<std::uint64_t>(parse_integer_constant(lexer_, "an index"));
    if (level + 1 < variable->dimensions.size()) {
      stride /= variable->dimensions[level + 1];
    }
    lexer_.expect(']');
  }
  return static_cast<std::int64_t>(offset);
}

Operand FunctionParser::parse_symbol_operand(const Token& name) {
  SymbolOperand symbol{.name = resolve_symbol(name), .offset = 0};
  symbol_was_indexed_ = lexer_.at('[');
  symbol.offset = parse_element_offset(symbol.name);
  symbol.offset += parse_offset(lexer_);
  return {std::move(symbol)};
}

Operand FunctionParser::parse_vector_operand() {
  if (++operand_depth_ > kMaximumNesting) {
    lexer_.fail("operands are nested too deeply");
  }
  lexer_.expect('{');
  VectorOperand vector;
  do {
    vector.elements.push_back(parse_operand_without_pair());
  } while (lexer_.accept(','));
  lexer_.expect('}');
  --operand_depth_;
  return {std::move(vector)};
}

Operand FunctionParser::parse_bracketed_operand() {
  if (++operand_depth_ > kMaximumNesting) {
    lexer_.fail("operands are nested too deeply");
  }
  lexer_.expect('[');
  Operand first = parse_address_part();
  if (lexer_.accept(']')) {
    --operand_depth_;
    (void)lexer_.accept_dotted("unified");  // [a].unified: a promise to the optimiser
    return first;
  }
  TensorAddressOperand tensor;
  tensor.parts.push_back(std::move(first));
  while (lexer_.accept(',')) {
    tensor.parts.push_back(lexer_.at('{') ? parse_vector_operand() : parse_address_part());
  }
  lexer_.expect(']');
  --operand_depth_;
  return {std::move(tensor)};
}

Operand FunctionParser::parse_address_part() {
  AddressOperand address;
  const Token name = lexer_.peek();
  if (name.kind != TokenKind::identifier || name.text == "WARP_SZ") {
    address.offset = parse_integer_constant(lexer_, "an address");
    return {std::move(address)};
  }
  lexer_.take();
  if (const NamedRegister* reg = scope_.find_register(name.text)) {
    NamedRegister base = *reg;
    if (base.elements > 1 && lexer_.peek().kind == TokenKind::dotted) {
      const Token suffix = lexer_.take();
      const int element = element_index(suffix.text);
      if (element < 0 || static_cast<std::uint32_t>(element) >= base.elements) {
        lexer_.fail_at(suffix, "register " + describe(name) + " has no part " + describe(suffix));
      }
      base.first += static_cast<std::uint32_t>(element);
    }
    address.base = base.first;
  } else {
    address.symbol = resolve_symbol(name);
    address.offset = parse_element_offset(address.symbol);
  }
  address.offset += parse_offset(lexer_);
  return {std::move(address)};
}

NamedRegister FunctionParser::require_register(const Token& name) {
  const NamedRegister* reg = scope_.find_register(name.text);
  if (reg == nullptr) {
    lexer_.fail_at(name, "undeclared register " + describe(name));
  }
  return *reg;
}

}  // namespace rackproof::emulator::ptx

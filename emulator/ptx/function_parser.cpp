#include "emulator/ptx/function_parser.hpp"

#include "emulator/ptx/types.hpp"

#include <limits>
#include <utility>

namespace rackproof::emulator::ptx {
namespace {

// Far above any program; it keeps hostile text from exhausting memory.
constexpr std::uint32_t kMaximumRegisters = 1U << 24;
constexpr std::size_t kMaximumBlocks = 1000;

}  // namespace

FunctionParser::FunctionParser(Lexer& lexer, Module& module, ModuleSymbols& symbols,
                               MnemonicCache& mnemonics, Function& function)
    : lexer_(lexer),
      module_(module),
      symbols_(symbols),
      mnemonics_(mnemonics),
      function_(function),
      variables_(lexer, symbols) {}

void FunctionParser::parse_body() {
  lexer_.expect('{');
  blocks_.emplace_back();
  for (const Variable& variable : function_.returns) {
    declare_parameter(variable);
  }
  for (const Variable& variable : function_.parameters) {
    declare_parameter(variable);
  }
  while (!blocks_.empty()) {
    if (lexer_.peek().kind == TokenKind::end) {
      lexer_.fail("the body of " + quoted(function_.name) + " does not end");
    }
    parse_statement();
  }
}

void FunctionParser::declare_parameter(const Variable& variable) {
  // The name lives in function_, the text's own copy is not needed any more.
  if (variable.space == StateSpace::reg) {
    const RegisterIndex first = add_registers(variable.name, variable.type, 1);
    scope_.declare_register(variable.name, {.first = first});
    return;
  }
  used_names_.insert(variable.name);
  scope_.declare_variable(variable.name, variable.name);
}

void FunctionParser::parse_statement() {
  where_.ptx_line = lexer_.peek().line;
  const Token token = lexer_.peek();
  switch (token.kind) {
    case TokenKind::identifier:
      parse_instruction_or_label();
      return;
    case TokenKind::dotted:
      parse_directive();
      return;
    default:
      break;
  }
  if (lexer_.accept(';')) {
    return;
  }
  if (lexer_.at('@')) {
    parse_guard();
    const Token opcode = lexer_.peek();
    if (opcode.kind != TokenKind::identifier) {
      lexer_.fail("expected an instruction after a guard, found " + describe(opcode));
    }
    parse_instruction();
  } else if (lexer_.accept('{')) {
    open_block();
  } else if (lexer_.accept('}')) {
    close_block();
  } else {
    lexer_.fail("expected an instruction, found " + describe(token));
  }
}

void FunctionParser::open_block() {
  if (blocks_.size() >= kMaximumBlocks) {
    lexer_.fail("blocks are nested too deeply");
  }
  blocks_.emplace_back();
  scope_.push();
}

void FunctionParser::close_block() {
  Block block = std::move(blocks_.back());
  blocks_.pop_back();
  for (LabelUse& use : block.uses) {
    const auto found = block.labels.find(use.name.text);
    if (found == block.labels.end()) {
      if (blocks_.empty()) {
        lexer_.fail_at(use.name, "undeclared label " + quoted(use.name.text));
      }
      blocks_.back().uses.push_back(std::move(use));
    } else if (!use.branch_targets.empty()) {
      function_.branch_targets[use.branch_targets][use.operand] = found->second;
    } else {
      function_.body[use.instruction].operands[use.operand].value = LabelOperand{found->second};
    }
  }
  if (!blocks_.empty()) {
    scope_.pop();
    return;
  }
  for (const Token& table : tables_used_) {
    const std::string name(table.text);
    if (!function_.prototypes.contains(name) && !function_.call_targets.contains(name) &&
        !function_.branch_targets.contains(name)) {
      lexer_.fail_at(table, "undeclared prototype or table " + quoted(name));
    }
  }
}

void FunctionParser::parse_label(const Token& name) {
  if (lexer_.at_dotted("callprototype")) {
    parse_call_prototype(name);
    return;
  }
  if (lexer_.at_dotted("calltargets")) {
    parse_call_targets(name);
    return;
  }
  if (lexer_.at_dotted("branchtargets")) {
    parse_branch_targets(name);
    return;
  }
  const auto target = static_cast<std::uint32_t>(function_.body.size());
  if (!blocks_.back().labels.emplace(name.text, target).second) {
    lexer_.fail_at(name, "label '" + std::string(name.text) + "' stands twice in one block");
  }
}

void FunctionParser::parse_call_prototype(const Token& label) {
  lexer_.take();
  CallPrototype prototype;
  const auto parse_list = [&](std::vector<Variable>& list) {
    lexer_.expect('(');
    if (lexer_.accept(')')) {
      return;
    }
    do {
      list.push_back(variables_.parse_parameter(false, where_).variable);
    } while (lexer_.accept(','));
    lexer_.expect(')');
  };
  if (lexer_.at('(')) {
    parse_list(prototype.returns);
  }
  (void)lexer_.expect_identifier("'_'");
  if (lexer_.at('(')) {
    parse_list(prototype.parameters);
  }
  while (lexer_.peek().kind == TokenKind::dotted) {
    const Token directive = lexer_.take();
    if (directive.text == "abi_preserve" || directive.text == "abi_preserve_control") {
      (void)lexer_.expect_integer("a number of registers");
    } else if (directive.text != "noreturn") {
      lexer_.fail_at(directive, "unknown directive " + describe(directive) + " of a prototype");
    }
  }
  lexer_.expect(';');
  if (!function_.prototypes.emplace(label.text, std::move(prototype)).second) {
    lexer_.fail_at(label, "prototype " + describe(label) + " is declared already");
  }
}

void FunctionParser::parse_call_targets(const Token& label) {
  lexer_.take();
  std::vector<std::string> targets;
  do {
    const Token name = lexer_.peek();
    const std::string_view function = lexer_.expect_identifier("the name of a function");
    const auto found = symbols_.find(function);
    if (found == symbols_.end() || found->second.kind != ModuleSymbol::Kind::function) {
      lexer_.fail_at(name, "undeclared function " + describe(name));
    }
    targets.emplace_back(function);
  } while (lexer_.accept(','));
  lexer_.expect(';');
  if (!function_.call_targets.emplace(label.text, std::move(targets)).second) {
    lexer_.fail_at(label, "table " + describe(label) + " is declared already");
  }
}

void FunctionParser::parse_branch_targets(const Token& label) {
  lexer_.take();
  const std::string key(label.text);
  const auto [entry, is_new] = function_.branch_targets.try_emplace(key);
  if (!is_new) {
    lexer_.fail_at(label, "table " + describe(label) + " is declared already");
  }
  do {
    const Token name = lexer_.peek();
    (void)lexer_.expect_identifier("a label");
    blocks_.back().uses.push_back(
        {.name = name, .operand = entry->second.size(), .branch_targets = key});
    entry->second.push_back(0);
  } while (lexer_.accept(','));
  lexer_.expect(';');
}

void FunctionParser::parse_directive() {
  const Token directive = lexer_.take();
  if (directive.text == "loc") {
    parse_loc(lexer_, where_);
  } else if (directive.text == "reg") {
    parse_registers();
  } else if (directive.text == "pragma") {
    parse_pragma(lexer_);
  } else if (const auto space = state_space(directive.text)) {
    parse_variables(*space);
  } else {
    lexer_.fail_at(directive, "unknown directive " + describe(directive) + " in a function");
  }
}

RegisterIndex FunctionParser::add_registers(std::string_view name, Type type, std::uint32_t count) {
  const auto first = static_cast<RegisterIndex>(function_.registers.size());
  if (count > kMaximumRegisters || first > kMaximumRegisters - count) {
    lexer_.fail("too many registers");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    function_.registers.push_back({std::string(name), type});
  }
  return first;
}

void FunctionParser::parse_registers() {
  std::uint32_t elements = 1;
  Token type_token = lexer_.peek();
  std::string_view word = lexer_.expect_dotted("the type of a register");
  if (word == "v2" || word == "v4") {
    elements = word == "v2" ? 2 : 4;
    type_token = lexer_.peek();
    word = lexer_.expect_dotted("the type of a register");
  }
  const std::optional<Type> type = type_from_string(word);
  if (!type || (!is_storable(*type) && *type != Type::pred) || *type == Type::texref ||
      *type == Type::samplerref || *type == Type::surfref) {
    lexer_.fail_at(type_token, "a register cannot have the type " + describe(type_token));
  }
  do {
    const Token name = lexer_.peek();
    (void)lexer_.expect_identifier("the name of a register");
    bool is_new = false;
    if (lexer_.accept('<')) {
      const std::uint64_t count = lexer_.expect_integer("a number of registers");
      lexer_.expect('>');
      if (elements != 1 || count > kMaximumRegisters) {
        lexer_.fail_at(name, "a family of registers is scalar and of at most 2^24 members");
      }
      const auto first = static_cast<RegisterIndex>(function_.registers.size());
      for (std::uint32_t i = 0; i < count; ++i) {
        add_registers(std::string(name.text) + std::to_string(i), *type, 1);
      }
      is_new = scope_.declare_family(name.text, first, static_cast<std::uint32_t>(count));
    } else {
      const RegisterIndex first = add_registers(name.text, *type, elements);
      is_new = scope_.declare_register(name.text, {.first = first, .elements = elements});
    }
    if (!is_new) {
      lexer_.fail_at(name, describe(name) + " is declared already in this block");
    }
  } while (lexer_.accept(','));
  lexer_.expect(';');
}

std::string FunctionParser::unique_name(std::string_view name) {
  std::string candidate(name);
  while (!used_names_.insert(candidate).second) {
    candidate = std::string(name) + "$" + std::to_string(++repeats_[std::string(name)]);
  }
  return candidate;
}

void FunctionParser::parse_variables(StateSpace space) {
  for (DeclaredVariable& declared :
       variables_.parse_declaration(space, Linkage::internal, where_)) {
    Variable& variable = declared.variable;
    std::string unique = unique_name(declared.name.text);
    if (!scope_.declare_variable(declared.name.text, unique)) {
      lexer_.fail_at(declared.name, describe(declared.name) + " is declared already in this block");
    }
    variable.name = std::move(unique);
    if (space == StateSpace::global || space == StateSpace::constant) {
      variable.name = function_.name + "$" + variable.name;
      module_.variables.push_back(std::move(variable));
    } else {
      function_.variables.push_back(std::move(variable));
    }
  }
}

void FunctionParser::parse_loc(Lexer& lexer, SourceLocation& where) {
  // `.loc file line column {, function_name label{+offset}, inlined_at file line column}`
  const auto number = [&] {
    const Token token = lexer.peek();
    const std::uint64_t value = lexer.expect_integer("a number in .loc");
    if (value > std::numeric_limits<std::uint32_t>::max()) {
      lexer.fail_at(token, "a number in .loc is out of range");
    }
    return static_cast<std::uint32_t>(value);
  };
  where.cuda_file = number();
  where.cuda_line = number();
  (void)number();
  while (lexer.accept(',')) {
    const Token token = lexer.peek();
    const std::string_view word = lexer.expect_identifier("'function_name' or 'inlined_at'");
    if (word == "function_name") {
      (void)lexer.expect_identifier("a label");
      if (lexer.accept('+')) {
        (void)number();
      }
    } else if (word == "inlined_at") {
      (void)number();
      (void)number();
      (void)number();
    } else {
      lexer.fail_at(token, "unknown part " + describe(token) + " of .loc");
    }
  }
}

void FunctionParser::parse_pragma(Lexer& lexer) {
  do {
    if (lexer.peek().kind != TokenKind::string) {
      lexer.fail("expected a string after .pragma, found " + describe(lexer.peek()));
    }
    lexer.take();
  } while (lexer.accept(','));
  lexer.expect(';');
}

void FunctionParser::skip_parentheses(Lexer& lexer) {
  std::uint32_t depth = 0;
  do {
    if (lexer.peek().kind == TokenKind::end) {
      lexer.fail("')' is missing");
    }
    depth += lexer.at('(') ? 1U : 0U;
    depth -= lexer.at(')') ? 1U : 0U;
    lexer.take();
  } while (depth != 0);
}

}  // namespace rackproof::emulator::ptx

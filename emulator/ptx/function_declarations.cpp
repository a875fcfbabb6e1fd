#include "emulator/ptx/function_parser.hpp"
#include "emulator/ptx/types.hpp"

#include <utility>

namespace rackproof::emulator::ptx {
namespace {

// Far above any program; it keeps hostile text from exhausting memory.
constexpr std::uint32_t kMaximumRegisters = 1U << 24;

}  // namespace

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

}  // namespace rackproof::emulator::ptx

#include "emulator/ptx/function_parser.hpp"

#include <utility>

namespace rackproof::emulator::ptx {
namespace {

// Far above any program; it keeps hostile text from exhausting memory.
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

void FunctionParser::parse_loc(Lexer& lexer, SourceLocation& where) {
  // `.loc file line column {, function_name label{+offset}, inlined_at file line column}`
  const auto number = [&] { return lexer.expect_u32("a number in .loc"); };
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

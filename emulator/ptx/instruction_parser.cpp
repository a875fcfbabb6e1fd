#include "emulator/ptx/constant_expression.hpp"
#include "emulator/ptx/function_parser.hpp"

#include <utility>

namespace rackproof::emulator::ptx {

void FunctionParser::parse_guard() {
  lexer_.expect('@');
  const bool negated = lexer_.accept('!');
  const Token name = lexer_.peek();
  (void)lexer_.expect_identifier("a predicate register");
  const NamedRegister reg = require_register(name);
  if (function_.registers[reg.first].type != Type::pred) {
    lexer_.fail_at(name, describe(name) + " is no predicate register");
  }
  guard_ = Guard{.predicate = reg.first, .negated = negated};
}

void FunctionParser::parse_instruction_or_label() {
  if (!lexer_.at_label()) {
    parse_instruction();
    return;
  }
  const Token name = lexer_.take();
  lexer_.expect(':');
  parse_label(name);
}

void FunctionParser::parse_instruction() {
  const Token opcode = lexer_.peek();
  std::string_view text = lexer_.take_mnemonic();
  std::string joined;
  if (lexer_.peek().kind == TokenKind::dotted) {  // white space before a modifier
    joined = text;
    while (lexer_.peek().kind == TokenKind::dotted) {
      joined += '.';
      joined += lexer_.take().text;
    }
    text = joined;
  }
  const Mnemonic& mnemonic = mnemonics_.find(text);
  if (!mnemonic.problem.empty()) {
    lexer_.fail_at(opcode, mnemonic.problem);
  }
  Instruction instruction;
  instruction.opcode = mnemonic.opcode;
  instruction.modifiers = mnemonic.modifiers;
  instruction.guard = std::exchange(guard_, std::nullopt);
  instruction.where = where_;
  instruction.where.ptx_line = opcode.line;
  if (mnemonic.opcode == "call") {
    parse_call(opcode, std::move(instruction));
    return;
  }
  if (mnemonic.opcode == "bra" || mnemonic.opcode == "brx") {
    parse_branch(instruction);
  } else if (!lexer_.at(';') && !lexer_.at('}')) {
    instruction.operands.reserve(4);
    do {
      instruction.operands.push_back(parse_operand());
      auto* symbol = std::get_if<SymbolOperand>(&instruction.operands.back().value);
      if (std::exchange(symbol_was_indexed_, false) && symbol != nullptr &&
          mnemonic.opcode != "mov") {  // `ld.global.u32 r, array[3]` loads the element
        instruction.operands.back() = {
            AddressOperand{.symbol = symbol->name, .offset = symbol->offset}};
      }
    } while (lexer_.accept(','));
  }
  lexer_.expect(';');
  if (const std::string problem = check_operands(mnemonic, instruction.operands);
      !problem.empty()) {
    lexer_.fail_at(opcode, quoted(text) + ": " + problem);
  }
  if (const std::string problem =
          check_operand_types(mnemonic.types, instruction.operands, function_.registers);
      !problem.empty()) {
    lexer_.fail_at(opcode, quoted(text) + ": " + problem);
  }
  function_.body.push_back(std::move(instruction));
}

void FunctionParser::parse_branch(Instruction& instruction) {
  if (instruction.opcode == "brx") {
    instruction.operands.push_back(parse_operand());
    lexer_.expect(',');
    const Token table = lexer_.peek();
    instruction.operands.push_back(
        {SymbolOperand{std::string(lexer_.expect_identifier("the label of .branchtargets")), 0}});
    tables_used_.push_back(table);
    return;
  }
  const Token label = lexer_.peek();
  (void)lexer_.expect_identifier("a label");
  instruction.operands.push_back({LabelOperand{}});
  blocks_.back().uses.push_back(
      {.name = label, .instruction = function_.body.size(), .branch_targets = {}});
}

std::vector<Operand> FunctionParser::parse_call_arguments() {
  std::vector<Operand> list;
  lexer_.expect('(');
  if (lexer_.accept(')')) {
    return list;
  }
  do {
    list.push_back(parse_operand());
  } while (lexer_.accept(','));
  lexer_.expect(')');
  return list;
}

Operand FunctionParser::parse_callee() {
  const Token name = lexer_.peek();
  (void)lexer_.expect_identifier("a function or a register");
  if (const NamedRegister* reg = scope_.find_register(name.text)) {
    return {RegisterOperand{.index = reg->first}};
  }
  const auto found = symbols_.find(name.text);
  if (found == symbols_.end() || found->second.kind != ModuleSymbol::Kind::function) {
    lexer_.fail_at(name, "undeclared function " + describe(name));
  }
  return {SymbolOperand{std::string(name.text), 0}};
}

void FunctionParser::parse_call(const Token& opcode, Instruction instruction) {
  CallInfo call;
  call.instruction = function_.body.size();
  call.uniform = !instruction.modifiers.empty();
  if (lexer_.at('(')) {
    call.returns = parse_call_arguments();
    lexer_.expect(',');
  }
  call.callee = parse_callee();
  if (lexer_.accept(',')) {
    bool more = true;
    if (lexer_.at('(')) {
      call.arguments = parse_call_arguments();
      more = lexer_.accept(',');
    }
    if (more) {
      const Token table = lexer_.peek();
      call.prototype = lexer_.expect_identifier("the label of a prototype");
      tables_used_.push_back(table);
    }
  }
  lexer_.expect(';');
  check_call(call, opcode);
  function_.body.push_back(std::move(instruction));
  function_.calls.push_back(std::move(call));
}

void FunctionParser::check_call(const CallInfo& call, const Token& where) {
  const auto* symbol = std::get_if<SymbolOperand>(&call.callee.value);
  if (symbol == nullptr) {
    if (call.prototype.empty()) {
      lexer_.fail_at(where, "an indirect call names a .callprototype or .calltargets");
    }
    return;
  }
  const Function& callee = module_.functions[symbols_.at(symbol->name).index];
  if (callee.is_kernel) {
    lexer_.fail_at(where, quoted(symbol->name) + " is a kernel and cannot be called");
  }
  if (callee.parameters.size() != call.arguments.size() ||
      callee.returns.size() != call.returns.size()) {
    lexer_.fail_at(where, quoted(symbol->name) + " takes " +
                              std::to_string(callee.parameters.size()) + " arguments and returns " +
                              std::to_string(callee.returns.size()) + ", not " +
                              std::to_string(call.arguments.size()) + " and " +
                              std::to_string(call.returns.size()));
  }
}

}  // namespace rackproof::emulator::ptx

#pragma once
/// Bodies of functions: blocks, labels, registers, instructions.
/// Source: PTX ISA 9.0, sections 4.2 (statements), 7.1 (functions), 9.7 (instructions).

#include "emulator/ptx/lexer.hpp"
#include "emulator/ptx/mnemonic_cache.hpp"
#include "emulator/ptx/module.hpp"
#include "emulator/ptx/scope.hpp"
#include "emulator/ptx/symbols.hpp"
#include "emulator/ptx/variable_parser.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace rackproof::emulator::ptx {

class FunctionParser {
 public:
  /// `function` has its name, parameters and directives; module and symbols receive variables of
  /// module-wide life that the body declares.
  FunctionParser(Lexer& lexer, Module& module, ModuleSymbols& symbols, MnemonicCache& mnemonics,
                 Function& function);
  void parse_body();

  static void parse_loc(Lexer& lexer, SourceLocation& where);
  static void parse_pragma(Lexer& lexer);
  static void skip_parentheses(Lexer& lexer);

 private:
  /// A use of a label before or after the label itself.
  struct LabelUse {
    Token name;
    std::size_t instruction = 0;  ///< with operand, or
    std::size_t operand = 0;
    std::string branch_targets;  ///< key of Function::branch_targets, with operand as position
  };
  struct Block {
    std::unordered_map<std::string_view, std::uint32_t> labels;
    std::vector<LabelUse> uses;
  };

  // function_parser.cpp: statements
  void parse_statement();
  void parse_directive();
  void parse_registers();
  void parse_variables(StateSpace space);
  void declare_parameter(const Variable& variable);
  RegisterIndex add_registers(std::string_view name, Type type, std::uint32_t count);
  void open_block();
  void close_block();
  void parse_label(const Token& name);
  void parse_call_prototype(const Token& label);
  void parse_call_targets(const Token& label);
  void parse_branch_targets(const Token& label);
  [[nodiscard]] std::string unique_name(std::string_view name);

  // instruction_parser.cpp
  void parse_guard();
  void parse_instruction_or_label();
  void parse_instruction();
  void parse_call(const Token& opcode, Instruction instruction);
  void parse_branch(Instruction& instruction);
  [[nodiscard]] Operand parse_callee();
  [[nodiscard]] std::vector<Operand> parse_call_arguments();
  void check_call(const CallInfo& call, const Token& where);

  // operand_parser.cpp
  [[nodiscard]] Operand parse_operand();
  [[nodiscard]] Operand parse_operand_without_pair();
  [[nodiscard]] Operand parse_named_operand();
  [[nodiscard]] Operand parse_register_operand(const Token& name, NamedRegister reg);
  [[nodiscard]] Operand parse_special_register(const Token& name);
  [[nodiscard]] Operand parse_symbol_operand(const Token& name);
  [[nodiscard]] Operand parse_constant_operand();
  [[nodiscard]] Operand parse_vector_operand();
  [[nodiscard]] Operand parse_bracketed_operand();
  [[nodiscard]] Operand parse_address_part();
  [[nodiscard]] std::int64_t parse_element_offset(std::string_view symbol);
  [[nodiscard]] std::string resolve_symbol(const Token& name) const;
  [[nodiscard]] NamedRegister require_register(const Token& name);
  [[nodiscard]] const Variable* find_declaration(std::string_view unique) const;

  Lexer& lexer_;
  Module& module_;
  ModuleSymbols& symbols_;
  MnemonicCache& mnemonics_;
  Function& function_;
  VariableParser variables_;
  FunctionScope scope_;
  std::vector<Block> blocks_;
  std::unordered_set<std::string> used_names_;
  std::unordered_map<std::string, std::uint32_t> repeats_;
  std::vector<Token> tables_used_;  ///< prototypes and tables named by calls and brx.idx
  SourceLocation where_;
  std::optional<Guard> guard_;
  std::uint32_t operand_depth_ = 0;
  bool symbol_was_indexed_ = false;  ///< the last symbol was written `name[index]`
};

}  // namespace rackproof::emulator::ptx

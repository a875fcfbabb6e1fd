#pragma once
/// Statements at module scope. Source: PTX ISA 9.0, chapter 11 (directives).

#include "emulator/ptx/lexer.hpp"
#include "emulator/ptx/mnemonic_cache.hpp"
#include "emulator/ptx/module.hpp"
#include "emulator/ptx/symbols.hpp"
#include "emulator/ptx/variable_parser.hpp"

#include <string_view>

namespace rackproof::emulator::ptx {

class ModuleParser {
 public:
  ModuleParser(std::string_view text, std::string_view name);
  [[nodiscard]] Module parse();

 private:
  void parse_header();
  void parse_version();
  void parse_target();
  void parse_statement();
  void parse_file();
  void parse_section();
  void parse_alias();
  void parse_variables(StateSpace space, Linkage linkage);
  void declare_variable(DeclaredVariable declared);
  void parse_function(bool is_kernel, Linkage linkage);
  void parse_parameters(std::vector<Variable>& parameters);
  void parse_function_directives(Function& function);
  bool parse_function_directive(Function& function);
  void parse_extents(std::array<std::uint32_t, 3>& extents);
  void declare_function(Function function, const Token& name);

  Lexer lexer_;
  MnemonicCache mnemonics_;
  Module module_;
  ModuleSymbols symbols_;
  VariableParser variables_{lexer_, symbols_};
  SourceLocation where_;
};

}  // namespace rackproof::emulator::ptx

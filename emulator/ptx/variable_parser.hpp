#pragma once
/// Declarations of variables and parameters. Source: PTX ISA 9.0, section 5.4.

#include "emulator/ptx/lexer.hpp"
#include "emulator/ptx/module.hpp"
#include "emulator/ptx/symbols.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace rackproof::emulator::ptx {

/// .global, .shared, ...; nullopt if the word is no state space of variables.
[[nodiscard]] std::optional<StateSpace> state_space(std::string_view dotted);

/// A declared variable and its name as a view of the text.
struct DeclaredVariable {
  Variable variable;
  Token name;
};

class VariableParser {
 public:
  VariableParser(Lexer& lexer, const ModuleSymbols& symbols) : lexer_(lexer), symbols_(symbols) {}

  /// `.align 4 .u32 a = 1, b[3];` after the state space, the semicolon included.
  [[nodiscard]] std::vector<DeclaredVariable> parse_declaration(StateSpace space, Linkage linkage,
                                                                const SourceLocation& where);
  /// One parameter, the state space included: `.param .align 8 .b8 p[24]`. The name may be missing
  /// or `_` where `named` is false (call prototypes).
  [[nodiscard]] DeclaredVariable parse_parameter(bool named, const SourceLocation& where);

 private:
  struct Specifiers {
    Type type = Type::none;
    std::uint32_t alignment = 0;
    std::uint32_t vector_elements = 1;
    bool managed = false;
  };
  [[nodiscard]] Specifiers parse_specifiers();
  void parse_pointer_attributes();
  void parse_attribute(Specifiers& specifiers);
  void parse_dimensions(Variable& variable);
  void finish_layout(Variable& variable, const Token& name);
  void parse_initialiser(Variable& variable);
  void parse_initial_level(Variable& variable, std::size_t level, std::uint64_t offset);
  void parse_initial_value(Variable& variable, std::uint64_t offset);
  void parse_initial_symbol(Variable& variable, std::uint64_t offset, std::uint64_t mask);
  void parse_sampler_fields();
  void store(Variable& variable, std::uint64_t offset, std::uint64_t bits);

  Lexer& lexer_;
  const ModuleSymbols& symbols_;
};

}  // namespace rackproof::emulator::ptx

#pragma once
/// Decides which mnemonics and operands are legal: every instruction of PTX ISA 9.0, section 9.7.

#include "emulator/ptx/module.hpp"
#include "emulator/ptx/operand_types.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::emulator::ptx {

/// What one operand has to be: a letter of instruction_rules.hpp.
struct OperandSlot {
  char kind = 'x';
  bool optional = false;
};

/// A mnemonic split into views of static names, or the reason why it is none.
struct Mnemonic {
  std::string_view opcode;                              ///< up to the first point
  std::vector<std::string_view> modifiers;              ///< in the order of the text
  std::vector<std::vector<OperandSlot>> operand_lists;  ///< alternatives; none: not checked
  std::vector<OperandType> types;                       ///< of registers, by operand
  std::size_t vector_elements = 0;  ///< of loads and stores: 1, or N with .vN; 0: not checked
  std::string problem;              ///< empty: legal
};

/// `text` is "ld.global.v4.u32", `target` "sm_103a".
[[nodiscard]] Mnemonic resolve_mnemonic(std::string_view text, std::string_view target);

/// Does the instruction have the number and the kinds of operands that one of its operand lists
/// wants? The problem, or an empty string.
[[nodiscard]] std::string check_operands(const Mnemonic& mnemonic,
                                         std::span<const Operand> operands);

/// May code that needs `requirement` ("80", "90a|100f", "": see instruction_rules.hpp) be compiled
/// for `target`?
[[nodiscard]] bool target_satisfies(std::string_view target, std::string_view requirement);

}  // namespace rackproof::emulator::ptx

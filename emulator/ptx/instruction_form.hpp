#pragma once
/// Rules of instruction_rules.hpp in the shape that matching needs.

#include "emulator/ptx/instruction_rules.hpp"
#include "emulator/ptx/instruction_table.hpp"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rackproof::emulator::ptx {

/// Modifiers of one kind (types, layouts, state spaces) keep the order of the rule; others are
/// free.
enum class ModifierKind : std::uint8_t { free, type, layout, space };
inline constexpr std::size_t kModifierKinds = 4;

struct ModifierSlot {
  std::vector<std::string_view> alternatives;
  ModifierKind kind = ModifierKind::free;
  bool optional = false;
};
struct InstructionForm {
  std::vector<ModifierSlot> modifiers;
  std::vector<OperandSlot> operands;
  bool operands_checked = true;
  std::string_view target;
};
struct InstructionFamily {
  std::string_view opcode;  ///< the static name
  std::vector<InstructionForm> forms;
};

/// By opcode as in InstructionRule. Built once, never destroyed: views of it live everywhere.
[[nodiscard]] const std::unordered_map<std::string_view, InstructionFamily>& instruction_families();

}  // namespace rackproof::emulator::ptx

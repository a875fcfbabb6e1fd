#include "emulator/exec/compared_values.hpp"

#include <algorithm>

namespace rackproof::emulator::exec {
namespace {

ptx::RegisterIndex register_of(const ptx::Operand& operand) {
  const auto* const reg = std::get_if<ptx::RegisterOperand>(&operand.value);
  return reg == nullptr ? ptx::kNoRegister : reg->index;
}

bool is_compare_and_swap(const ptx::Instruction& instruction) {
  return instruction.opcode == "atom" && instruction.operands.size() > 2 &&
         std::find(instruction.modifiers.begin(), instruction.modifiers.end(), "cas") !=
             instruction.modifiers.end();
}

}  // namespace

std::set<ptx::RegisterIndex> find_compared_values(const ptx::Function& function) {
  std::set<ptx::RegisterIndex> values;
  for (const ptx::Instruction& instruction : function.body) {
    if (is_compare_and_swap(instruction)) {
      values.insert(register_of(instruction.operands[2]));
    }
  }
  values.erase(ptx::kNoRegister);
  // Moves carry the value round the loop: backwards until no further one joins.
  for (std::size_t known = 0; known != values.size();) {
    known = values.size();
    for (const ptx::Instruction& instruction : function.body) {
      if (instruction.opcode == "mov" && instruction.operands.size() == 2 &&
          values.contains(register_of(instruction.operands[0]))) {
        values.insert(register_of(instruction.operands[1]));
      }
    }
    values.erase(ptx::kNoRegister);
  }
  return values;
}

}  // namespace rackproof::emulator::exec

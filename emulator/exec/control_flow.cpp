#include "emulator/exec/control_flow.hpp"

#include <variant>

namespace rackproof::emulator::exec {

std::vector<std::uint32_t> successors(const ptx::Function& function, std::uint32_t index) {
  const ptx::Instruction& instruction = function.body[index];
  std::vector<std::uint32_t> result;
  const bool ends = instruction.opcode == "ret" || instruction.opcode == "exit";
  const bool jumps = instruction.opcode == "bra";
  const bool indexed = instruction.opcode == "brx";
  if (jumps) {
    if (const auto* label = std::get_if<ptx::LabelOperand>(&instruction.operands[0].value)) {
      result.push_back(label->target);
    }
  }
  if (indexed) {
    for (const auto& [name, targets] : function.branch_targets) {
      result.insert(result.end(), targets.begin(), targets.end());
    }
  }
  if (instruction.guard || !(ends || jumps || indexed)) {
    result.push_back(index + 1);
  }
  return result;
}

void collect_registers(const ptx::Operand& operand, std::vector<ptx::RegisterIndex>& registers) {
  const auto collect_all = [&registers](const std::vector<ptx::Operand>& parts) {
    for (const ptx::Operand& part : parts) {
      collect_registers(part, registers);
    }
  };
  if (const auto* reg = std::get_if<ptx::RegisterOperand>(&operand.value)) {
    registers.push_back(reg->index);
  } else if (const auto* address = std::get_if<ptx::AddressOperand>(&operand.value)) {
    if (address->base != ptx::kNoRegister) {
      registers.push_back(address->base);
    }
  } else if (const auto* vector = std::get_if<ptx::VectorOperand>(&operand.value)) {
    collect_all(vector->elements);
  } else if (const auto* pair = std::get_if<ptx::PairOperand>(&operand.value)) {
    collect_all(pair->elements);
  } else if (const auto* tensor = std::get_if<ptx::TensorAddressOperand>(&operand.value)) {
    collect_all(tensor->parts);
  }
}

}  // namespace rackproof::emulator::exec

#include "emulator/exec/early_uses.hpp"

#include "emulator/exec/control_flow.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace rackproof::emulator::exec {
namespace {

using ptx::RegisterIndex;

bool has(const ptx::Instruction& instruction, std::string_view modifier) {
  return std::find(instruction.modifiers.begin(), instruction.modifiers.end(), modifier) !=
         instruction.modifiers.end();
}

std::vector<RegisterIndex> registers_of(const ptx::Instruction& instruction, std::size_t first,
                                        std::size_t count) {
  std::vector<RegisterIndex> result;
  const std::size_t end = std::min(instruction.operands.size(), first + count);
  for (std::size_t i = first; i < end; ++i) {
    collect_registers(instruction.operands[i], result);
  }
  return result;
}

bool is_wait_for_loads(const ptx::Instruction& instruction) {
  return instruction.opcode == "tcgen05" && has(instruction, "wait::ld");
}

class Search {
 public:
  Search(const ptx::Function& function, std::uint32_t load) : function_(&function), load_(load) {
    const ptx::Instruction& instruction = function.body[load];
    const std::size_t results = has(instruction, "red") ? 2 : 1;
    for (const RegisterIndex index : registers_of(instruction, 0, results)) {
      pending_.insert(index);
    }
  }

  void run(std::map<std::uint32_t, std::vector<std::uint32_t>>& uses) {
    std::vector<std::uint32_t> work = successors(*function_, load_);
    std::set<std::uint32_t> seen;
    while (!work.empty()) {
      const std::uint32_t index = work.back();
      work.pop_back();
      if (index >= function_->body.size() || !seen.insert(index).second) {
        continue;
      }
      const ptx::Instruction& instruction = function_->body[index];
      const bool tensor = instruction.opcode == "tcgen05";
      if (instruction.opcode == "mov") {
        if (touches(registers_of(instruction, 1, 1))) {
          for (const RegisterIndex to : registers_of(instruction, 0, 1)) {
            pending_.insert(to);
          }
        }
      } else if (!(tensor && has(instruction, "ld")) && instruction.opcode != "call" &&
                 touches(registers_of(instruction, 0, instruction.operands.size()))) {
        uses[index].push_back(load_);
        continue;
      }
      for (const std::uint32_t next : successors(*function_, index)) {
        work.push_back(next);
      }
    }
  }

 private:
  [[nodiscard]] bool touches(const std::vector<RegisterIndex>& registers) const {
    return std::any_of(registers.begin(), registers.end(),
                       [this](RegisterIndex index) { return pending_.contains(index); });
  }

  const ptx::Function* function_;
  std::uint32_t load_;
  std::set<RegisterIndex> pending_;
};

}  // namespace

std::map<std::uint32_t, std::vector<std::uint32_t>> find_early_uses(const ptx::Function& function) {
  std::map<std::uint32_t, std::vector<std::uint32_t>> uses;
  if (std::any_of(function.body.begin(), function.body.end(), is_wait_for_loads)) {
    return uses;
  }
  for (std::uint32_t i = 0; i < function.body.size(); ++i) {
    const ptx::Instruction& instruction = function.body[i];
    if (instruction.opcode == "tcgen05" && has(instruction, "ld")) {
      Search(function, i).run(uses);
    }
  }
  return uses;
}

}  // namespace rackproof::emulator::exec

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

  /// Adds the uses; whether there are any.
  bool run(std::map<std::uint32_t, std::vector<std::uint32_t>>& uses) {
    bool is_used = false;
    std::vector<std::uint32_t> work = successors(*function_, load_);
    std::vector<bool> seen(function_->body.size());
    while (!work.empty()) {
      const std::uint32_t index = work.back();
      work.pop_back();
      if (index >= function_->body.size() || seen[index]) {
        continue;
      }
      seen[index] = true;
      const ptx::Instruction& instruction = function_->body[index];
      if (is_wait_for_loads(instruction)) {
        continue;
      }
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
        is_used = true;
        continue;
      }
      for (const std::uint32_t next : successors(*function_, index)) {
        work.push_back(next);
      }
    }
    return is_used;
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

bool is_load(const ptx::Instruction& instruction) {
  return instruction.opcode == "tcgen05" && has(instruction, "ld");
}

// Loads that one wait would serve count as one.
std::size_t count_places(const ptx::Function& function, const EarlyUses& found,
                         const std::set<std::uint32_t>& loads) {
  std::size_t places = 0;
  bool is_open = false;
  for (std::uint32_t i = 0; i < function.body.size(); ++i) {
    if (is_wait_for_loads(function.body[i]) || found.by_instruction.contains(i)) {
      is_open = false;
    } else if (loads.contains(i)) {
      places += is_open ? 0 : 1;
      is_open = true;
    }
  }
  return places;
}

}  // namespace

EarlyUses find_early_uses(const ptx::Function& function) {
  EarlyUses found;
  std::set<std::uint32_t> loads;
  bool has_wait = false;
  for (std::uint32_t i = 0; i < function.body.size(); ++i) {
    has_wait |= is_wait_for_loads(function.body[i]);
    if (is_load(function.body[i]) && Search(function, i).run(found.by_instruction)) {
      loads.insert(i);
    }
  }
  const std::size_t places = count_places(function, found, loads);
  found.follows_registers = has_wait ? places > 1 : places > 0;
  if (!found.follows_registers) {
    found.by_instruction.clear();
  }
  return found;
}

}  // namespace rackproof::emulator::exec

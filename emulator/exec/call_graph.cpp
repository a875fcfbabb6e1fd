#include "emulator/exec/call_graph.hpp"

#include "emulator/ptx/symbol_uses.hpp"

#include <set>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

bool names_reserved_shared(const ptx::Function& function) {
  for (const auto& instruction : function.body) {
    for (const auto& operand : instruction.operands) {
      const auto* const special = std::get_if<ptx::SpecialRegister>(&operand.value);
      if (special != nullptr && special->name.starts_with("reserved_smem")) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

CallGraph::CallGraph(const ptx::Module& module, const Index& functions, const Index& variables) {
  std::set<std::size_t> taken;
  const auto take = [&](const std::string& name) {
    const auto found = functions.find(name);
    if (found != functions.end() && !module.functions[found->second].is_declaration &&
        !module.functions[found->second].is_kernel) {
      taken.insert(found->second);
    }
  };
  for (const auto& function : module.functions) {
    std::set<std::size_t> used_functions;
    std::set<std::size_t> used_variables;
    Uses uses;
    ptx::for_each_symbol_of_function(function, [&](const std::string& name) {
      if (const auto found = functions.find(name); found != functions.end()) {
        used_functions.insert(found->second);
      } else if (const auto variable = variables.find(name); variable != variables.end()) {
        used_variables.insert(variable->second);
      }
    });
    for (const auto& call : function.calls) {
      uses.calls_indirectly =
          uses.calls_indirectly || !std::holds_alternative<ptx::SymbolOperand>(call.callee.value);
    }
    uses.reserved_shared = names_reserved_shared(function);
    ptx::for_each_value_symbol(function, take);
    uses.functions.assign(used_functions.begin(), used_functions.end());
    uses.variables.assign(used_variables.begin(), used_variables.end());
    uses_.push_back(std::move(uses));
  }
  for (const auto& variable : module.variables) {
    for (const auto& relocation : variable.relocations) {
      take(relocation.symbol);
    }
  }
  address_taken_.assign(taken.begin(), taken.end());
}

CallGraph::Reach CallGraph::reach(std::size_t function) const {
  std::set<std::size_t> seen{function};
  std::set<std::size_t> variables;
  bool reserved_shared = false;
  std::vector<std::size_t> pending{function};
  const auto visit = [&](const std::vector<std::size_t>& list) {
    for (const std::size_t next : list) {
      if (seen.insert(next).second) {
        pending.push_back(next);
      }
    }
  };
  while (!pending.empty()) {
    const Uses& uses = uses_[pending.back()];
    pending.pop_back();
    visit(uses.functions);
    if (uses.calls_indirectly) {
      visit(address_taken_);
    }
    variables.insert(uses.variables.begin(), uses.variables.end());
    reserved_shared = reserved_shared || uses.reserved_shared;
  }
  return {{seen.begin(), seen.end()}, {variables.begin(), variables.end()}, reserved_shared};
}

}  // namespace rackproof::emulator::exec

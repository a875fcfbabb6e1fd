#pragma once
/// Visits the names of module scope that a module's code and initial values use.

#include "emulator/ptx/module.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

namespace rackproof::emulator::ptx {
namespace symbol_uses {

template <typename Operand_, typename Visit>
void visit_operand(Operand_& operand, const Visit& visit) {
  std::visit(
      [&](auto& value) {
        if constexpr (requires {
                        value.name;
                        value.offset;
                      }) {  // SymbolOperand
          visit(value.name);
        } else if constexpr (requires { value.symbol; }) {  // AddressOperand
          if (!value.symbol.empty()) {
            visit(value.symbol);
          }
        } else if constexpr (requires { value.elements; }) {
          for (auto& element : value.elements) {
            visit_operand(element, visit);
          }
        } else if constexpr (requires { value.parts; }) {
          for (auto& part : value.parts) {
            visit_operand(part, visit);
          }
        }
      },
      operand.value);
}

/// Names that a function declares for itself; they hide those of module scope.
inline std::set<std::string, std::less<>> own_names(const Function& function) {
  std::set<std::string, std::less<>> names;
  for (const auto* list : {&function.variables, &function.parameters, &function.returns}) {
    std::transform(list->begin(), list->end(), std::inserter(names, names.end()),
                   [](const Variable& variable) { return variable.name; });
  }
  for (const auto& [label, targets] : function.branch_targets) {
    names.insert(label);
  }
  return names;
}

}  // namespace symbol_uses

/// Calls `visit(name)` for each use as a value: operands, arguments, call targets; not for the
/// callee of a direct call. Function_ may be const; then so are the names.
template <typename Function_, typename Visit>
void for_each_value_symbol(Function_& function, const Visit& visit) {
  const auto own = symbol_uses::own_names(function);
  const auto visit_global = [&](auto& name) {
    if (!own.contains(name)) {
      visit(name);
    }
  };
  for (auto& instruction : function.body) {
    for (auto& operand : instruction.operands) {
      symbol_uses::visit_operand(operand, visit_global);
    }
  }
  for (auto& call : function.calls) {
    for (auto& argument : call.arguments) {
      symbol_uses::visit_operand(argument, visit_global);
    }
  }
  for (auto& [label, targets] : function.call_targets) {
    for (auto& target : targets) {
      visit_global(target);
    }
  }
}

/// The same with the callees of direct calls.
template <typename Function_, typename Visit>
void for_each_symbol_of_function(Function_& function, const Visit& visit) {
  for_each_value_symbol(function, visit);
  for (auto& call : function.calls) {
    symbol_uses::visit_operand(call.callee, visit);
  }
}

/// The same for all functions of a module and the initial values of its variables.
template <typename Module_, typename Visit>
void for_each_symbol(Module_& module, const Visit& visit) {
  for (auto& function : module.functions) {
    for_each_symbol_of_function(function, visit);
  }
  for (auto& variable : module.variables) {
    for (auto& relocation : variable.relocations) {
      visit(relocation.symbol);
    }
  }
}

}  // namespace rackproof::emulator::ptx

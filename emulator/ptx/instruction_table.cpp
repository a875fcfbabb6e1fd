#include "emulator/ptx/instruction_table.hpp"

#include "emulator/ptx/instruction_form.hpp"
#include "emulator/ptx/lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace rackproof::emulator::ptx {
namespace {

struct Architecture {
  unsigned number = 0;
  char suffix = 0;
};

Architecture parse_architecture(std::string_view text) {
  Architecture architecture;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), architecture.number);
  if (error == std::errc() && end != text.data() + text.size()) {
    architecture.suffix = *end;
  }
  return architecture;
}

std::vector<std::string_view> split_modifiers(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find('.');
    parts.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return parts;
}

/// Each modifier takes the first free slot that knows it; every required slot has to be taken.
/// On success `names` are the static copies.
bool matches(const InstructionForm& form, std::span<const std::string_view> modifiers,
             std::vector<std::string_view>& names) {
  std::vector<bool> taken(form.modifiers.size());
  std::array<std::size_t, kModifierKinds> first_free{};  // slot, by kind
  names.clear();
  for (const std::string_view modifier : modifiers) {
    bool found = false;
    for (std::size_t i = 0; i < form.modifiers.size() && !found; ++i) {
      const ModifierKind kind = form.modifiers[i].kind;
      std::size_t& next = first_free[static_cast<std::size_t>(kind)];
      if (taken[i] || (kind != ModifierKind::free && i < next)) {
        continue;
      }
      const auto& alternatives = form.modifiers[i].alternatives;
      const auto same = std::find(alternatives.begin(), alternatives.end(), modifier);
      if (same != alternatives.end()) {
        taken[i] = true;
        next = i + 1;
        found = true;
        names.push_back(*same);
      }
    }
    if (!found) {
      return false;
    }
  }
  for (std::size_t i = 0; i < form.modifiers.size(); ++i) {
    if (!taken[i] && !form.modifiers[i].optional) {
      return false;
    }
  }
  return true;
}

std::string explain_mismatch(const InstructionFamily& family, std::string_view text,
                             std::span<const std::string_view> modifiers) {
  for (const std::string_view modifier : modifiers) {
    const bool known =
        std::any_of(family.forms.begin(), family.forms.end(), [&](const InstructionForm& form) {
          return std::any_of(form.modifiers.begin(), form.modifiers.end(), [&](const auto& slot) {
            return std::find(slot.alternatives.begin(), slot.alternatives.end(), modifier) !=
                   slot.alternatives.end();
          });
        });
    if (!known) {
      return quoted(family.opcode) + " has no modifier " + quoted("." + std::string(modifier));
    }
  }
  return "no form of " + quoted(family.opcode) + " has the modifiers of " + quoted(text);
}

const InstructionFamily* find_family(std::string_view text) {
  const auto& families = instruction_families();
  for (std::size_t length = text.size(); length > 0 && length != std::string_view::npos;
       length = text.rfind('.', length - 1)) {
    const auto found = families.find(text.substr(0, length));
    if (found != families.end()) {
      return &found->second;
    }
  }
  return nullptr;
}

/// The form's operands for these modifiers: a cache policy is there or it is not.
std::vector<OperandSlot> operand_list(const InstructionForm& form,
                                      std::span<const std::string_view> modifiers) {
  const bool has_policy =
      std::find(modifiers.begin(), modifiers.end(), "L2::cache_hint") != modifiers.end();
  std::vector<OperandSlot> list;
  for (const OperandSlot& slot : form.operands) {
    if (slot.kind != 'h' || has_policy) {
      list.push_back(slot);
    }
  }
  return list;
}

/// How many elements the data operands of a load or a store have; 0 for other instructions.
std::size_t vector_elements(std::string_view opcode, std::span<const std::string_view> modifiers) {
  constexpr std::array<std::string_view, 9> kVectorOpcodes = {
      "ld",  "ldu",         "st",           "st.async",          "atom",
      "red", "multimem.st", "multimem.red", "multimem.ld_reduce"};
  if (std::find(kVectorOpcodes.begin(), kVectorOpcodes.end(), opcode) == kVectorOpcodes.end()) {
    return 0;
  }
  for (const std::string_view modifier : modifiers) {
    if (modifier == "v2" || modifier == "v4" || modifier == "v8") {
      return static_cast<std::size_t>(modifier[1] - '0');
    }
  }
  return 1;
}

/// Targets that a modifier needs wherever it stands (PTX ISA: "Target ISA Notes").
std::string_view modifier_requirement(std::string_view modifier) {
  if (modifier == "cluster" || modifier == "shared::cluster") {
    return "90";
  }
  return {};
}

/// What steers caches does so for global memory: of loads and stores to others it is no modifier.
std::string cache_conflict(std::string_view opcode, std::span<const std::string_view> modifiers) {
  const auto find = [&](auto&& is_wanted) {
    const auto found = std::find_if(modifiers.begin(), modifiers.end(), is_wanted);
    return found == modifiers.end() ? std::string_view{} : *found;
  };
  if (opcode != "ld" && opcode != "st") {
    return {};
  }
  const std::string_view cache = find(
      [](std::string_view name) { return name.starts_with("L1::") || name.starts_with("L2::"); });
  const std::string_view space = find([](std::string_view name) {
    return name == "const" || name == "local" || name.starts_with("param") ||
           name.starts_with("shared");
  });
  if (cache.empty() || space.empty()) {
    return {};
  }
  return std::string(".").append(cache).append(" does not apply to .").append(space);
}

}  // namespace

bool target_satisfies(std::string_view target, std::string_view requirement) {
  if (requirement.empty()) {
    return true;
  }
  const Architecture have = parse_architecture(target.substr(target.find('_') + 1));
  while (!requirement.empty()) {
    const std::size_t end = requirement.find('|');
    const Architecture need = parse_architecture(requirement.substr(0, end));
    const bool satisfied = need.suffix == 0 ? have.number >= need.number
                           : need.suffix == 'a'
                               ? have.number == need.number && have.suffix == 'a'
                               : have.number / 10 == need.number / 10 &&
                                     have.number >= need.number && have.suffix != 0;
    if (satisfied) {
      return true;
    }
    requirement = end == std::string_view::npos ? std::string_view{} : requirement.substr(end + 1);
  }
  return false;
}

Mnemonic resolve_mnemonic(std::string_view text, std::string_view target) {
  Mnemonic result;
  const InstructionFamily* family = find_family(text);
  if (family == nullptr) {
    result.problem = "unknown instruction " + quoted(text);
    return result;
  }
  const std::string_view rest =
      text.size() > family->opcode.size() ? text.substr(family->opcode.size() + 1) : "";
  const std::vector<std::string_view> modifiers = split_modifiers(rest);
  std::vector<std::string_view> names;
  std::vector<std::string_view> matched;
  std::string_view requirement;
  bool any_form = false;
  bool any_on_target = false;
  for (const InstructionForm& form : family->forms) {
    if (!matches(form, modifiers, names)) {
      continue;
    }
    any_form = true;
    matched = names;
    if (!target_satisfies(target, form.target)) {
      requirement = form.target;
      continue;
    }
    any_on_target = true;
    if (form.operands_checked) {
      result.operand_lists.push_back(operand_list(form, names));
    }
  }
  if (!any_form) {
    result.problem = explain_mismatch(*family, text, modifiers);
    return result;
  }
  for (const std::string_view name : matched) {
    if (any_on_target && !target_satisfies(target, modifier_requirement(name))) {
      any_on_target = false;
      requirement = modifier_requirement(name);
    }
  }
  if (!any_on_target) {
    result.problem = quoted(text) + " does not exist on " + std::string(target) + ", it needs sm_" +
                     std::string(requirement);
    return result;
  }
  if (std::string conflict = cache_conflict(family->opcode, matched); !conflict.empty()) {
    result.problem = quoted(text) + ": " + conflict;
    return result;
  }
  const std::vector<std::string_view> parts = split_modifiers(family->opcode);
  result.vector_elements = vector_elements(family->opcode, matched);
  result.opcode = parts[0];
  result.modifiers.assign(parts.begin() + 1, parts.end());
  result.modifiers.insert(result.modifiers.end(), matched.begin(), matched.end());
  result.types = operand_types(result.opcode, result.modifiers);
  return result;
}

}  // namespace rackproof::emulator::ptx

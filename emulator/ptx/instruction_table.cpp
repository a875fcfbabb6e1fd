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

bool is_kind(char kind, const Operand& operand) {
  const auto& value = operand.value;
  const auto* reg = std::get_if<RegisterOperand>(&value);
  const bool positive_register = reg != nullptr && !reg->negated;
  const bool sink = std::holds_alternative<SinkOperand>(value);
  switch (kind) {
    case 'd':
      return positive_register;
    case 'o':
      return positive_register || sink;
    case '_':
      return sink;
    case 'P':
      return std::holds_alternative<PairOperand>(value);
    case 'D':
      return positive_register || sink || std::holds_alternative<PairOperand>(value);
    case 'v':
    case 'c':
      return positive_register || sink || std::holds_alternative<VectorOperand>(value);
    case 's':
    case 'h':
      return positive_register || std::holds_alternative<SpecialRegister>(value) ||
             std::holds_alternative<IntegerLiteral>(value) ||
             std::holds_alternative<FloatLiteral>(value) ||
             std::holds_alternative<SymbolOperand>(value);
    case 'p':
      return reg != nullptr || std::holds_alternative<IntegerLiteral>(value);
    case 'm':
      return std::holds_alternative<AddressOperand>(value) ||
             std::holds_alternative<TensorAddressOperand>(value);
    case 'i':
      return std::holds_alternative<IntegerLiteral>(value);
    case 'l':
      return std::holds_alternative<LabelOperand>(value);
    default:
      return true;
  }
}

std::string_view kind_name(char kind) {
  switch (kind) {
    case 'd':
      return "a register";
    case 'o':
      return "a register or '_'";
    case '_':
      return "'_'";
    case 'P':
      return "a pair 'd|p'";
    case 'D':
      return "a register or a pair 'd|p'";
    case 'v':
    case 'c':
      return "a register or '{ }'";
    case 's':
    case 'h':
      return "a register, a constant or a symbol";
    case 'p':
      return "a predicate register";
    case 'm':
      return "an address '[ ]'";
    case 'i':
      return "an integer constant";
    default:
      return "a label";
  }
}

std::size_t required_count(const std::vector<OperandSlot>& list) {
  return static_cast<std::size_t>(std::count_if(
      list.begin(), list.end(), [](const OperandSlot& slot) { return !slot.optional; }));
}

std::string describe_counts(const std::vector<std::vector<OperandSlot>>& lists) {
  std::vector<std::size_t> counts;
  for (const std::vector<OperandSlot>& list : lists) {
    for (std::size_t count = required_count(list); count <= list.size(); ++count) {
      if (std::find(counts.begin(), counts.end(), count) == counts.end()) {
        counts.push_back(count);
      }
    }
  }
  std::sort(counts.begin(), counts.end());
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    text += i == 0 ? "" : i + 1 == counts.size() ? " or " : ", ";
    text += std::to_string(counts[i]);
  }
  return text;
}

struct Misfit {
  std::size_t operand = 0;
  char wanted = 'x';
};

/// The first operand of the wrong kind; one past the last if all fit; nullopt if their number is
/// wrong. An optional slot that its operand does not fit is left out.
std::optional<Misfit> first_misfit(const std::vector<OperandSlot>& list,
                                   std::span<const Operand> operands) {
  const std::size_t required = required_count(list);
  if (operands.size() < required || operands.size() > list.size()) {
    return std::nullopt;
  }
  std::size_t spare = operands.size() - required;
  std::size_t slot = 0;
  for (std::size_t i = 0; i < operands.size(); ++i, ++slot) {
    while (list[slot].optional && slot + 1 < list.size() &&
           (spare == 0 || !is_kind(list[slot].kind, operands[i]))) {
      ++slot;
    }
    if (slot >= list.size() || !is_kind(list[slot].kind, operands[i])) {
      return Misfit{i, list[std::min(slot, list.size() - 1)].kind};
    }
    if (list[slot].optional) {
      --spare;
    }
    if (slot + 1 == list.size() && i + 1 < operands.size()) {
      return Misfit{i + 1, list[slot].kind};
    }
  }
  return Misfit{operands.size()};
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

/// Targets that a modifier needs wherever it stands (PTX ISA: "Target ISA Notes").
std::string_view modifier_requirement(std::string_view modifier) {
  if (modifier == "cluster" || modifier == "shared::cluster") {
    return "90";
  }
  return {};
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
  const std::vector<std::string_view> parts = split_modifiers(family->opcode);
  result.opcode = parts[0];
  result.modifiers.assign(parts.begin() + 1, parts.end());
  result.modifiers.insert(result.modifiers.end(), matched.begin(), matched.end());
  return result;
}

std::string check_operands(const Mnemonic& mnemonic, std::span<const Operand> operands) {
  std::optional<Misfit> closest;
  for (const std::vector<OperandSlot>& list : mnemonic.operand_lists) {
    const std::optional<Misfit> misfit = first_misfit(list, operands);
    if (misfit && misfit->operand == operands.size()) {
      return {};
    }
    if (misfit && (!closest || misfit->operand > closest->operand)) {
      closest = misfit;
    }
  }
  if (mnemonic.operand_lists.empty()) {
    return {};
  }
  if (!closest) {
    return "takes " + describe_counts(mnemonic.operand_lists) + " operands, not " +
           std::to_string(operands.size());
  }
  return "operand " + std::to_string(closest->operand + 1) + " has to be " +
         std::string(kind_name(closest->wanted));
}

}  // namespace rackproof::emulator::ptx

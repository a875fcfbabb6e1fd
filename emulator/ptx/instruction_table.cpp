#include "emulator/ptx/instruction_table.hpp"

#include "emulator/ptx/instruction_form.hpp"
#include "emulator/ptx/lexer.hpp"

#include <algorithm>
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
  names.clear();
  for (const std::string_view modifier : modifiers) {
    bool found = false;
    for (std::size_t i = 0; i < form.modifiers.size() && !found; ++i) {
      if (taken[i]) {
        continue;
      }
      const auto& alternatives = form.modifiers[i].alternatives;
      const auto same = std::find(alternatives.begin(), alternatives.end(), modifier);
      if (same != alternatives.end()) {
        taken[i] = true;
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
    case 'D':
      return positive_register || sink || std::holds_alternative<PairOperand>(value);
    case 'v':
    case 'c':
      return positive_register || sink || std::holds_alternative<VectorOperand>(value);
    case 's':
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
    case 'D':
      return "a register or a pair 'd|p'";
    case 'v':
    case 'c':
      return "a register or '{ }'";
    case 's':
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

std::string describe_counts(const std::vector<const InstructionForm*>& forms) {
  std::vector<std::size_t> counts;
  for (const InstructionForm* form : forms) {
    const auto required = static_cast<std::size_t>(
        std::count_if(form->operands.begin(), form->operands.end(),
                      [](const OperandSlot& slot) { return !slot.optional; }));
    for (std::size_t count = required; count <= form->operands.size(); ++count) {
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

/// Index of the first operand of the wrong kind; the number of operands if all fit; nullopt if
/// their number is wrong. Optional operands come last, in order.
std::optional<std::size_t> first_misfit(const InstructionForm& form,
                                        std::span<const Operand> operands) {
  const auto required = static_cast<std::size_t>(
      std::count_if(form.operands.begin(), form.operands.end(),
                    [](const OperandSlot& slot) { return !slot.optional; }));
  if (operands.size() < required || operands.size() > form.operands.size()) {
    return std::nullopt;
  }
  std::size_t spare = operands.size() - required;
  std::size_t slot = 0;
  for (std::size_t i = 0; i < operands.size(); ++i, ++slot) {
    // An optional slot that the operand does not fit is left out.
    while (form.operands[slot].optional &&
           (spare == 0 ||
            (!is_kind(form.operands[slot].kind, operands[i]) && slot + 1 < form.operands.size()))) {
      ++slot;
      if (slot >= form.operands.size()) {
        return i;
      }
    }
    if (!is_kind(form.operands[slot].kind, operands[i])) {
      return i;
    }
    spare -= form.operands[slot].optional ? 1U : 0U;
  }
  return operands.size();
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
  bool any = false;
  for (const InstructionForm& form : family->forms) {
    if (!matches(form, modifiers, names)) {
      continue;
    }
    any = true;
    matched = names;
    if (target_satisfies(target, form.target)) {
      result.forms.push_back(&form);
    } else {
      requirement = form.target;
    }
  }
  if (!any) {
    result.problem = explain_mismatch(*family, text, modifiers);
    return result;
  }
  if (result.forms.empty()) {
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
  std::optional<std::size_t> furthest;
  const InstructionForm* closest = nullptr;
  for (const InstructionForm* form : mnemonic.forms) {
    const std::optional<std::size_t> misfit = first_misfit(*form, operands);
    if (!form->operands_checked || misfit == operands.size()) {
      return {};
    }
    if (misfit && (!furthest || *misfit > *furthest)) {
      furthest = misfit;
      closest = form;
    }
  }
  if (!furthest) {
    return "takes " + describe_counts(mnemonic.forms) + " operands, not " +
           std::to_string(operands.size());
  }
  const std::size_t slot = std::min(*furthest, closest->operands.size() - 1);
  return "operand " + std::to_string(*furthest + 1) + " has to be " +
         std::string(kind_name(closest->operands[slot].kind));
}

}  // namespace rackproof::emulator::ptx

#include "emulator/ptx/instruction_table.hpp"

#include <algorithm>
#include <optional>

namespace rackproof::emulator::ptx {
namespace {

std::int64_t fixed_value(char kind) {
  return kind == '6' ? 16 : kind == '8' ? 128 : 0;
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
      return positive_register || sink || std::holds_alternative<VectorOperand>(value);
    case 'c':
      return std::holds_alternative<VectorOperand>(value);
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
    case '0':
    case '6':
    case '8': {
      const auto* const literal = std::get_if<IntegerLiteral>(&value);
      return literal != nullptr && literal->value == fixed_value(kind);
    }
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
      return "a register or '{ }'";
    case 'c':
      return "'{ }'";
    case 's':
    case 'h':
      return "a register, a constant or a symbol";
    case 'p':
      return "a predicate register";
    case 'm':
      return "an address '[ ]'";
    case 'i':
      return "an integer constant";
    case '0':
      return "0";
    case '6':
      return "16";
    case '8':
      return "128";
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

/// Loads and stores: `{...}` and `.vN` come together, and agree.
std::string check_vectors(std::size_t elements, std::span<const Operand> operands) {
  bool found = false;
  for (const Operand& operand : operands) {
    const auto* vector = std::get_if<VectorOperand>(&operand.value);
    if (vector == nullptr) {
      continue;
    }
    found = true;
    if (vector->elements.size() != elements) {
      return "a vector of " + std::to_string(vector->elements.size()) + " elements, wanted " +
             std::to_string(elements);
    }
  }
  return found || elements == 1 ? std::string()
                                : "wants a vector of " + std::to_string(elements) + " elements";
}

}  // namespace

std::string check_operands(const Mnemonic& mnemonic, std::span<const Operand> operands) {
  std::optional<Misfit> closest;
  for (const std::vector<OperandSlot>& list : mnemonic.operand_lists) {
    const std::optional<Misfit> misfit = first_misfit(list, operands);
    if (misfit && misfit->operand == operands.size()) {
      return mnemonic.vector_elements == 0 ? std::string()
                                           : check_vectors(mnemonic.vector_elements, operands);
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

#include "emulator/ptx/instruction_form.hpp"

#include "emulator/ptx/types.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <string>

namespace rackproof::emulator::ptx {
namespace {

using Families = std::unordered_map<std::string_view, InstructionFamily>;

/// Calls `use` for each part of `text` between separators.
template <typename Use>
void split(std::string_view text, char separator, Use use) {
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    use(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
}

/// Names that are made rather than written have to live somewhere for ever.
std::string_view keep(std::string name) {
  static auto& storage = *new std::deque<std::string>;
  return storage.emplace_back(std::move(name));
}

void add_shapes(std::string_view pattern, std::vector<std::string_view>& alternatives) {
  constexpr int kLargestN = 256;
  const std::size_t at = pattern.find_first_of("*#");
  for (int n = 8; n <= kLargestN; n += 8) {
    // Integer types: 8, 16, 24, 32, then multiples of 16.
    if (pattern[at] == '#' && n > 32 && n % 16 != 0) {
      continue;
    }
    std::string shape(pattern.substr(0, at));
    shape += std::to_string(n);
    shape += pattern.substr(at + 1);
    alternatives.push_back(keep(std::move(shape)));
  }
}

ModifierKind kind_of(std::string_view modifier) {
  constexpr std::array<std::string_view, 6> kSubByteTypes = {"e2m1", "e2m3", "e3m2",
                                                             "u4",   "s4",   "b1"};
  if (type_from_string(modifier) ||
      std::find(kSubByteTypes.begin(), kSubByteTypes.end(), modifier) != kSubByteTypes.end()) {
    return ModifierKind::type;
  }
  if (modifier == "row" || modifier == "col") {
    return ModifierKind::layout;
  }
  if (modifier == "global" || modifier.starts_with("shared")) {
    return ModifierKind::space;
  }
  return ModifierKind::free;
}

ModifierSlot parse_slot(std::string_view text) {
  ModifierSlot slot;
  slot.optional = text.ends_with('?');
  if (slot.optional) {
    text.remove_suffix(1);
  }
  split(text, '|', [&](std::string_view alternative) {
    if (alternative.starts_with('$')) {
      split(modifier_set(alternative.substr(1)), '|',
            [&](std::string_view member) { slot.alternatives.push_back(member); });
    } else if (alternative.find_first_of("*#") != std::string_view::npos) {
      add_shapes(alternative, slot.alternatives);
    } else {
      slot.alternatives.push_back(alternative);
    }
  });
  slot.kind = kind_of(slot.alternatives.front());
  return slot;
}

InstructionForm parse_rule(const InstructionRule& rule) {
  InstructionForm form;
  form.target = rule.target;
  split(rule.modifiers, ' ',
        [&](std::string_view slot) { form.modifiers.push_back(parse_slot(slot)); });
  split(rule.operands, ' ', [&](std::string_view slot) {
    form.operands.push_back({.kind = slot[0], .optional = slot.size() > 1});
  });
  form.operands_checked = rule.operands != "*";
  return form;
}

Families build() {
  Families families;
  for (const std::span<const InstructionRule> rules :
       {integer_rules(), floating_point_rules(), conversion_rules(), memory_rules(), async_rules(),
        synchronisation_rules(), control_rules(), matrix_rules(), tensor_memory_rules(),
        video_rules(), texture_rules()}) {
    for (const InstructionRule& rule : rules) {
      InstructionFamily& family = families[rule.opcode];
      family.opcode = rule.opcode;
      family.forms.push_back(parse_rule(rule));
    }
  }
  return families;
}

}  // namespace

const Families& instruction_families() {
  static const Families& families = *new Families(build());
  return families;
}

}  // namespace rackproof::emulator::ptx

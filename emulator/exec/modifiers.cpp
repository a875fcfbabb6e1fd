#include "emulator/exec/decoder.hpp"
#include "emulator/ptx/types.hpp"

namespace rackproof::emulator::exec {

Modifiers::Modifiers(const ptx::Instruction& instruction)
    : instruction_(&instruction), taken_(instruction.modifiers.size()) {}

bool Modifiers::take(std::string_view modifier) {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i] && instruction_->modifiers[i] == modifier) {
      taken_[i] = true;
      return true;
    }
  }
  return false;
}

bool Modifiers::take_prefix(std::string_view prefix) {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i] && instruction_->modifiers[i].starts_with(prefix)) {
      taken_[i] = true;
      return true;
    }
  }
  return false;
}

ptx::Type Modifiers::take_type() {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i]) {
      continue;
    }
    if (const auto type = ptx::type_from_string(instruction_->modifiers[i])) {
      taken_[i] = true;
      return *type;
    }
  }
  return ptx::Type::none;
}

int Modifiers::take_any(std::initializer_list<std::string_view> names) {
  int index = 0;
  for (const auto name : names) {
    if (take(name)) {
      return index;
    }
    ++index;
  }
  return -1;
}

std::optional<Rounding> Modifiers::take_rounding() {
  switch (take_any({"rn", "rz", "rm", "rp", "rna"})) {
    case 0:
      return Rounding::nearest_even;
    case 1:
      return Rounding::zero;
    case 2:
      return Rounding::down;
    case 3:
      return Rounding::up;
    case 4:
      return Rounding::nearest_away;
    default:
      return std::nullopt;
  }
}

std::uint8_t Modifiers::take_flags() {
  std::uint32_t flags = 0;
  flags |= take("ftz") ? op_flags::kFtz : 0U;
  flags |= take("sat") || take("satfinite") ? op_flags::kSaturate : 0U;
  flags |= take("relu") ? op_flags::kRelu : 0U;
  flags |= take("NaN") ? op_flags::kNan : 0U;
  flags |= take("oob") ? op_flags::kOutOfBounds : 0U;
  if (take("xorsign")) {
    take("abs");
    flags |= op_flags::kXorSign;
  }
  return static_cast<std::uint8_t>(flags);
}

std::string_view Modifiers::left_over() const {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i]) {
      return instruction_->modifiers[i];
    }
  }
  return {};
}

}  // namespace rackproof::emulator::exec

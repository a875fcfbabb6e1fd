#include "emulator/ptx/types.hpp"

#include <array>
#include <utility>

namespace rackproof::emulator::ptx {
namespace {

struct TypeFact {
  Type type;
  std::string_view name;
  std::uint32_t bytes;
};
// PTX ISA 9.0, section 5.2 (fundamental, alternate, fixed-point and packed types).
constexpr std::array kTypes = {
    TypeFact{Type::none, "none", 0},       TypeFact{Type::b8, "b8", 1},
    TypeFact{Type::b16, "b16", 2},         TypeFact{Type::b32, "b32", 4},
    TypeFact{Type::b64, "b64", 8},         TypeFact{Type::b128, "b128", 16},
    TypeFact{Type::u8, "u8", 1},           TypeFact{Type::u16, "u16", 2},
    TypeFact{Type::u32, "u32", 4},         TypeFact{Type::u64, "u64", 8},
    TypeFact{Type::s8, "s8", 1},           TypeFact{Type::s16, "s16", 2},
    TypeFact{Type::s32, "s32", 4},         TypeFact{Type::s64, "s64", 8},
    TypeFact{Type::f16, "f16", 2},         TypeFact{Type::f16x2, "f16x2", 4},
    TypeFact{Type::bf16, "bf16", 2},       TypeFact{Type::bf16x2, "bf16x2", 4},
    TypeFact{Type::f32, "f32", 4},         TypeFact{Type::f32x2, "f32x2", 8},
    TypeFact{Type::f64, "f64", 8},         TypeFact{Type::tf32, "tf32", 4},
    TypeFact{Type::e4m3, "e4m3", 1},       TypeFact{Type::e5m2, "e5m2", 1},
    TypeFact{Type::e4m3x2, "e4m3x2", 2},   TypeFact{Type::e5m2x2, "e5m2x2", 2},
    TypeFact{Type::e2m1x2, "e2m1x2", 1},   TypeFact{Type::e2m3x2, "e2m3x2", 2},
    TypeFact{Type::e3m2x2, "e3m2x2", 2},   TypeFact{Type::e4m3x4, "e4m3x4", 4},
    TypeFact{Type::e5m2x4, "e5m2x4", 4},   TypeFact{Type::e2m3x4, "e2m3x4", 4},
    TypeFact{Type::e3m2x4, "e3m2x4", 4},   TypeFact{Type::e2m1x4, "e2m1x4", 2},
    TypeFact{Type::ue8m0x2, "ue8m0x2", 2}, TypeFact{Type::u16x2, "u16x2", 4},
    TypeFact{Type::s16x2, "s16x2", 4},     TypeFact{Type::pred, "pred", 0},
    TypeFact{Type::texref, "texref", 0},   TypeFact{Type::samplerref, "samplerref", 0},
    TypeFact{Type::surfref, "surfref", 0},
};

const TypeFact& fact(Type type) {
  return kTypes[static_cast<std::size_t>(type)];
}

}  // namespace

std::string_view to_string(Type type) {
  return fact(type).name;
}

std::uint32_t size_bytes(Type type) {
  return fact(type).bytes;
}

std::optional<Type> type_from_string(std::string_view name) {
  for (const TypeFact& candidate : kTypes) {
    if (candidate.name == name && candidate.type != Type::none) {
      return candidate.type;
    }
  }
  return std::nullopt;
}

bool is_storable(Type type) {
  switch (type) {
    case Type::b8:
    case Type::b16:
    case Type::b32:
    case Type::b64:
    case Type::b128:
    case Type::u8:
    case Type::u16:
    case Type::u32:
    case Type::u64:
    case Type::s8:
    case Type::s16:
    case Type::s32:
    case Type::s64:
    case Type::f16:
    case Type::f16x2:
    case Type::f32:
    case Type::f64:
    case Type::texref:
    case Type::samplerref:
    case Type::surfref:
      return true;
    default:
      return false;
  }
}

bool is_floating_point(Type type) {
  return type == Type::f16 || type == Type::f32 || type == Type::f64;
}

std::string Instruction::mnemonic() const {
  std::string text(opcode);
  for (const std::string_view modifier : modifiers) {
    text += '.';
    text += modifier;
  }
  return text;
}

}  // namespace rackproof::emulator::ptx

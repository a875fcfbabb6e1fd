// mov, cvt, cvta and isspacep.
#include "emulator/exec/decoder.hpp"
#include "emulator/exec/windows.hpp"

#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kOther = InstructionClass::other;
constexpr auto kConversion = InstructionClass::conversion;

void mov(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  const auto& to = decoder.operand(0);
  const auto& from = decoder.operand(1);
  const bool splits = std::holds_alternative<ptx::VectorOperand>(to.value);
  const bool packs = std::holds_alternative<ptx::VectorOperand>(from.value);
  if (!splits && !packs) {
    if (type == Type::b128) {
      decoder.refuse("128-bit registers are not supported");
    }
    if (const auto* special = std::get_if<ptx::SpecialRegister>(&from.value)) {
      std::uint32_t bytes = 0;
      std::int64_t immediate = 0;
      const Handler handler = special_register_handler(special->name, bytes, immediate);
      if (handler != nullptr && bytes == decoder.row_bytes(to)) {
        Op& op = decoder.emit(handler, kOther);
        op.dst = decoder.destination(to);
        op.immediate = immediate;
        return;
      }
    }
    const Ref a = decoder.source(from, type);
    Op& op = decoder.emit(lane_ops().bits(BitOp::move, type), kOther);
    op.dst = decoder.destination(to);
    op.a = a;
    return;
  }
  const auto parts = decoder.elements(splits ? to : from);
  const auto bytes = static_cast<std::uint32_t>(ptx::size_bytes(type) / parts.size());
  if (bytes == 0 || bytes > 8 || ptx::size_bytes(type) > 8) {
    decoder.refuse("128-bit registers are not supported");
  }
  const Type part = bytes == 1   ? Type::b8
                    : bytes == 2 ? Type::b16
                    : bytes == 4 ? Type::b32
                                 : Type::b64;
  std::vector<Ref> refs;
  for (const auto* element : parts) {
    refs.push_back(splits ? decoder.destination(*element) : decoder.source(*element, part));
  }
  const Ref whole = splits ? decoder.source(from, type) : decoder.destination(to);
  Op& op = decoder.emit(splits ? unpack_register : pack_register, kOther);
  op.dst = op.a = whole;
  op.size = static_cast<std::uint8_t>(bytes);
  op.mode = ptx::size_bytes(type) == 8 ? memory_mode::kWideRegisters : std::uint8_t{0};
  op.list = decoder.add_refs(refs);
  op.list_size = static_cast<std::uint8_t>(refs.size());
}

bool is_floating(Type type) {
  return type == Type::f16 || type == Type::bf16 || type == Type::f32 || type == Type::f64;
}

void cvt(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  if (modifiers.take("pack")) {
    decoder.refuse("cvt.pack is not supported");
  }
  const int integral = modifiers.take_any({"rni", "rzi", "rmi", "rpi"});
  const auto rounding = modifiers.take_rounding();
  std::uint8_t flags = modifiers.take_flags();
  ConvertSpec spec;
  spec.to = modifiers.take_type();
  spec.from = modifiers.take_type();
  constexpr Rounding kIntegral[] = {Rounding::nearest_even, Rounding::zero, Rounding::down,
                                    Rounding::up};
  spec.to_integral = integral >= 0;
  spec.rounding = integral >= 0 ? kIntegral[integral] : rounding.value_or(Rounding::nearest_even);
  if (is_floating(spec.from) && !is_floating(spec.to) && integral < 0 &&
      ptx::size_bytes(spec.to) != 0 &&
      (ptx::to_string(spec.to)[0] == 'u' || ptx::to_string(spec.to)[0] == 's') &&
      spec.to != Type::ue8m0x2) {
    spec.rounding = Rounding::zero;
  }
  const bool to_integer = spec.to >= Type::u8 && spec.to <= Type::s64;
  std::uint32_t row = decoder.row_bytes(decoder.operand(0));
  if (to_integer) {
    const Type reg = decoder.register_type(decoder.operand(0));
    const std::uint32_t reg_bytes = ptx::size_bytes(reg);
    // Wider registers get the value extended, which only the general conversion does.
    spec.widened = reg_bytes != ptx::size_bytes(spec.to) &&
                   !(reg_bytes == 4 && ptx::size_bytes(spec.to) == 2 && spec.to == Type::u16);
    row = reg_bytes;
  }
  const bool two = decoder.operand_count() == 3;
  // A narrower view of a wide register: conversions read what their type says.
  const Ref a = decoder.source(1, spec.from);
  const Ref b = two ? decoder.source(2, spec.from) : kNoRef;
  const bool narrow_source =
      !two && decoder.row_bytes(decoder.operand(1)) == 8 && ptx::size_bytes(spec.from) < 8;
  Ref narrowed = a;
  if (narrow_source) {
    narrowed = decoder.temporary(4);
    Op& low = decoder.emit(lane_ops().convert({Type::u32, Type::u64}, 0), kConversion);
    low.dst = narrowed;
    low.a = a;
    low.expansion = true;
  }
  Op& op = decoder.emit(lane_ops().convert(spec, flags), kConversion);
  op.dst = decoder.destination(0);
  op.a = narrowed;
  op.b = b;
  op.flags = flags;
  op.mode = static_cast<std::uint8_t>(spec.rounding);
  op.size = static_cast<std::uint8_t>(row);
  op.immediate = spec.pack();
}

AddressKind take_space(Modifiers& modifiers) {
  switch (modifiers.take_any({"global", "shared", "shared::cta", "shared::cluster", "local",
                              "param", "param::entry", "const"})) {
    case 0:
    case 7:
      return AddressKind::global;
    case 1:
    case 2:
    case 3:
      return AddressKind::shared;
    case 4:
      return AddressKind::local;
    case 5:
    case 6:
      return AddressKind::parameter;
    default:
      return AddressKind::generic;
  }
}

std::uint64_t window_of(AddressKind space) {
  switch (space) {
    case AddressKind::shared:
      return kSharedWindow;
    case AddressKind::local:
      return kLocalWindow;
    case AddressKind::parameter:
      return kParameterWindow;
    default:
      return 0;
  }
}

void cvta(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool to_space = modifiers.take("to");
  const AddressKind space = take_space(modifiers);
  const Type type = modifiers.take_type();
  if (type != Type::u64) {
    decoder.refuse("only 64-bit addresses are supported");
  }
  const Ref a = decoder.source(1, type);
  const std::uint64_t window = window_of(space);
  Handler handler = lane_ops().bits(BitOp::move, type);
  Ref b = kNoRef;
  if (window != 0) {
    handler = lane_ops().bits(to_space ? BitOp::and_ : BitOp::or_, type);
    b = decoder.constant(to_space ? kWindowOffsetMask : window, 8);
  }
  Op& op = decoder.emit(handler, kOther);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = b;
}

void isspacep(Decoder& decoder) {
  const bool is_const = decoder.modifiers().take("const");
  const AddressKind space = is_const ? AddressKind::frame : take_space(decoder.modifiers());
  const Ref a = decoder.source(1, Type::u64);
  Op& op = decoder.emit(is_space, kOther);
  op.dst = decoder.destination(0);
  op.a = a;
  op.space = static_cast<std::uint8_t>(space);
}

}  // namespace

void add_conversions(DecodeTable& table) {
  table["mov"] = mov;
  table["cvt"] = cvt;
  table["cvta"] = cvta;
  table["isspacep"] = isspacep;
}

}  // namespace rackproof::emulator::exec

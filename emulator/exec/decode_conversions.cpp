// mov, cvt, cvta and isspacep.
#include "emulator/exec/decoder.hpp"
#include "emulator/exec/windows.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kOther = InstructionClass::other;
constexpr auto kConversion = InstructionClass::conversion;

Type bits_of(std::size_t bytes) {
  return bytes == 1   ? Type::b8
         : bytes == 2 ? Type::b16
         : bytes == 4 ? Type::b32
         : bytes == 8 ? Type::b64
                      : Type::b128;
}

// Parts of `bytes` each, into one register or out of it.
void move_parts(Decoder& decoder, Handler handler, Ref whole, const std::vector<Ref>& parts,
                std::size_t bytes) {
  const std::uint32_t list = decoder.add_refs(parts);
  Op& op = decoder.emit(handler, kOther);
  op.dst = op.a = whole;
  op.size = static_cast<std::uint8_t>(bytes);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(parts.size());
}

// mov.v2 and mov.v4: all sources are read before a destination is written.
void move_vector(Decoder& decoder, Type type) {
  const auto to = decoder.elements(decoder.operand(0));
  std::vector<Ref> sources;
  if (const auto* special = std::get_if<ptx::SpecialRegister>(&decoder.operand(1).value)) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      const ptx::Operand element{ptx::SpecialRegister{special->name + "." + "xyzw"[i]}};
      sources.push_back(decoder.source(element, type));
    }
  } else {
    for (const auto* element : decoder.elements(decoder.operand(1))) {
      sources.push_back(decoder.source(*element, type));
    }
  }
  std::vector<Ref> destinations;
  for (const auto* element : to) {
    destinations.push_back(decoder.destination(*element));
  }
  const std::size_t bytes = ptx::size_bytes(type);
  const Ref whole = decoder.temporary(static_cast<std::uint32_t>(bytes * to.size()));
  move_parts(decoder, pack_register, whole, sources, bytes);
  decoder.out().code.back().expansion = true;
  move_parts(decoder, unpack_register, whole, destinations, bytes);
}

void mov(Decoder& decoder) {
  const bool vectors = decoder.modifiers().take_any({"v2", "v4"}) >= 0;
  const Type type = decoder.modifiers().take_type();
  if (vectors) {
    move_vector(decoder, type);
    return;
  }
  const auto& to = decoder.operand(0);
  const auto& from = decoder.operand(1);
  const bool splits = std::holds_alternative<ptx::VectorOperand>(to.value);
  const bool packs = std::holds_alternative<ptx::VectorOperand>(from.value);
  if (!splits && !packs) {
    if (type == Type::b128) {
      const Ref source = decoder.source(from, type);
      move_parts(decoder, pack_register, decoder.destination(to), {source}, 16);
      return;
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
  const auto elements = decoder.elements(splits ? to : from);
  const std::size_t bytes = ptx::size_bytes(type) / elements.size();
  const Type part = bits_of(bytes);
  std::vector<Ref> parts;
  for (const auto* element : elements) {
    parts.push_back(splits ? decoder.destination(*element) : decoder.source(*element, part));
  }
  const Ref whole = splits ? decoder.source(from, type) : decoder.destination(to);
  move_parts(decoder, splits ? unpack_register : pack_register, whole, parts, bytes);
}

bool is_floating(Type type) {
  return type == Type::f16 || type == Type::bf16 || type == Type::f32 || type == Type::f64;
}

// cvt.pack.sat.to.s32{.b32} d, a, b{, c}
void pack_converted(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sat");
  constexpr std::array<std::pair<std::string_view, std::uint8_t>, 8> kTypes = {
      {{"u16", 16}, {"s16", 16}, {"u8", 8}, {"s8", 8}, {"u4", 4}, {"s4", 4}, {"u2", 2}, {"s2", 2}}};
  const std::string_view to = modifiers.take_first([&](std::string_view modifier) {
    return std::any_of(kTypes.begin(), kTypes.end(),
                       [modifier](const auto& type) { return type.first == modifier; });
  });
  const auto* const type = std::find_if(kTypes.begin(), kTypes.end(),
                                        [to](const auto& each) { return each.first == to; });
  if (type == kTypes.end()) {
    decoder.refuse("the type to convert to is missing");
  }
  (void)modifiers.take_type();
  (void)modifiers.take_type();
  const Ref a = decoder.source(1, Type::s32);
  const Ref b = decoder.source(2, Type::s32);
  const Ref c = decoder.operand_count() > 3 ? decoder.source(3, Type::b32) : kNoRef;
  Op& op = decoder.emit(convert_pack, kConversion);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = b;
  op.c = c;
  op.size = type->second;
  op.mode = to[0] == 's' ? 1 : 0;
}

// cvt.rs d, a, b, rbits and cvt.rs d, {a, b, e, f}, rbits
void round_stochastically(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const std::uint8_t flags = modifiers.take_flags();
  ConvertSpec spec;
  spec.to = modifiers.take_type();
  spec.from = modifiers.take_type();
  spec.stochastic = true;
  const bool four = decoder.operand_count() == 3;
  const auto values = decoder.elements(decoder.operand(1));
  if (values.size() != (four ? 4 : 1)) {
    decoder.refuse("four values are expected");
  }
  Ref refs[4] = {kNoRef, kNoRef, kNoRef, kNoRef};
  for (std::size_t i = 0; i < (four ? 4 : 2); ++i) {
    refs[i] = four ? decoder.source(*values[i], spec.from) : decoder.source(i + 1, spec.from);
  }
  const Ref random = decoder.source(four ? 2 : 3, Type::b32);
  Op& op = decoder.emit(lane_ops().convert(spec, flags), kConversion);
  op.dst = decoder.destination(0);
  op.a = refs[0];
  op.b = refs[1];
  op.c = four ? refs[2] : random;
  op.d = refs[3];
  op.flags = flags;
  op.immediate = random;
}

void cvt(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  if (modifiers.take("pack")) {
    pack_converted(decoder);
    return;
  }
  if (modifiers.take("rs")) {
    round_stochastically(decoder);
    return;
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
      return AddressKind::shared;
    case 3:
      return AddressKind::shared_cluster;
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
    case AddressKind::shared_cluster:
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

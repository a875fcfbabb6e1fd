// Instructions that lanes execute together.
#include "emulator/exec/decoder.hpp"

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kOther = InstructionClass::other;

void shfl(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  if (!modifiers.take("sync")) {
    decoder.refuse("only the .sync form exists from sm_70 on");
  }
  const int mode = modifiers.take_any({"up", "down", "bfly", "idx"});
  (void)modifiers.take_type();
  const auto results = decoder.elements(decoder.operand(0));
  const Ref a = decoder.source(1, Type::b32);
  const Ref b = decoder.source(2, Type::b32);
  const Ref c = decoder.source(3, Type::b32);
  const Ref members = decoder.source(4, Type::b32);
  const std::uint32_t list =
      decoder.add_refs({results.size() > 1 ? decoder.destination(*results[1]) : kNoRef});
  Op& op = decoder.emit(shuffle, kOther);
  op.dst = decoder.destination(*results[0]);
  op.a = a;
  op.b = b;
  op.c = c;
  op.d = members;
  op.list = list;
  op.list_size = 1;
  op.mode = static_cast<std::uint8_t>(mode);
}

void vote_(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  if (!modifiers.take("sync")) {
    decoder.refuse("only the .sync form exists from sm_70 on");
  }
  const int mode = modifiers.take_any({"all", "any", "uni", "ballot"});
  (void)modifiers.take_type();
  const Ref a = decoder.source_predicate(decoder.operand(1));
  const Ref members = decoder.source(2, Type::b32);
  Op& op = decoder.emit(vote, kOther);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = members;
  op.mode = static_cast<std::uint8_t>(mode);
}

void match_(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const int mode = modifiers.take_any({"any", "all"});
  modifiers.take("sync");
  const Type type = modifiers.take_type();
  const auto results = decoder.elements(decoder.operand(0));
  const Ref a = decoder.source(1, type);
  const Ref members = decoder.source(2, Type::b32);
  Op& op = decoder.emit(match, kOther);
  op.dst = decoder.destination(*results[0]);
  op.d = results.size() > 1 ? decoder.destination(*results[1]) : kNoRef;
  op.a = a;
  op.b = members;
  op.mode = static_cast<std::uint8_t>(mode);
  op.size = static_cast<std::uint8_t>(ptx::size_bytes(type));
}

void redux_(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sync");
  const int kind = modifiers.take_any({"add", "min", "max", "and", "or", "xor"});
  const bool absolute = modifiers.take("abs");
  const std::uint8_t flags = modifiers.take_flags();
  const Type type = modifiers.take_type();
  const bool is_signed = type == Type::s32;
  const bool is_float = type == Type::f32;
  ReduxOp op_kind = ReduxOp::add;
  switch (kind) {
    case 0:
      op_kind = ReduxOp::add;
      break;
    case 1:
      op_kind = is_float ? ReduxOp::min_f32 : is_signed ? ReduxOp::min_s32 : ReduxOp::min_u32;
      break;
    case 2:
      op_kind = is_float ? ReduxOp::max_f32 : is_signed ? ReduxOp::max_s32 : ReduxOp::max_u32;
      break;
    case 3:
      op_kind = ReduxOp::and_;
      break;
    case 4:
      op_kind = ReduxOp::or_;
      break;
    default:
      op_kind = ReduxOp::xor_;
      break;
  }
  const Ref a = decoder.source(1, type);
  const Ref members = decoder.source(2, Type::b32);
  Op& op = decoder.emit(redux, kOther);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = members;
  op.mode = static_cast<std::uint8_t>(op_kind);
  op.flags = flags;
  op.immediate = absolute ? 1 : 0;
}

void elect_(Decoder& decoder) {
  decoder.modifiers().take("sync");
  const auto results = decoder.elements(decoder.operand(0));
  const Ref members = decoder.source(1, Type::b32);
  Op& op = decoder.emit(elect, kOther);
  op.dst = decoder.destination(*results[0]);
  op.d = results.size() > 1 ? decoder.destination(*results[1]) : kNoRef;
  op.a = members;
}

void activemask(Decoder& decoder) {
  (void)decoder.modifiers().take_type();
  decoder.emit(active_mask, kOther).dst = decoder.destination(0);
}

}  // namespace

void add_warp(DecodeTable& table) {
  table["shfl"] = shfl;
  table["vote"] = vote_;
  table["match"] = match_;
  table["redux"] = redux_;
  table["elect"] = elect_;
  table["activemask"] = activemask;
}

}  // namespace rackproof::emulator::exec

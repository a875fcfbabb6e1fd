// Warp-wide and matrix instructions.
#include "emulator/exec/decoder.hpp"

#include <cstdio>
#include <variant>

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

void matrix_move(Decoder& decoder, bool is_store) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sync");
  modifiers.take("aligned");
  if (!modifiers.take("m8n8")) {
    decoder.refuse("only the m8n8 shape is supported");
  }
  modifiers.take_any({"x1", "x2", "x4"});
  const bool transposed = modifiers.take("trans");
  const bool shared = modifiers.take_any({"shared", "shared::cta"}) >= 0;
  if (modifiers.take_type() != Type::b16) {
    decoder.refuse("only 16-bit elements are supported");
  }
  const auto registers = decoder.elements(decoder.operand(is_store ? 1 : 0));
  std::vector<Ref> refs;
  for (const auto* element : registers) {
    refs.push_back(is_store ? decoder.source(*element, Type::b32) : decoder.destination(*element));
  }
  const std::uint32_t list = decoder.add_refs(refs);
  Op& op = decoder.emit(is_store ? store_matrix : load_matrix,
                        is_store ? InstructionClass::store_shared : InstructionClass::load_shared);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.mode = transposed ? 1 : 0;
  op.size = 16;
  decoder.address(op, decoder.operand(is_store ? 0 : 1),
                  shared ? AddressKind::shared : AddressKind::generic);
}
void ldmatrix(Decoder& decoder) {
  matrix_move(decoder, false);
}
void stmatrix(Decoder& decoder) {
  matrix_move(decoder, true);
}

void movmatrix(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sync");
  modifiers.take("aligned");
  modifiers.take("m8n8");
  modifiers.take("trans");
  (void)modifiers.take_type();
  const Ref a = decoder.source(1, Type::b32);
  Op& op = decoder.emit(move_matrix, kOther);
  op.dst = decoder.destination(0);
  op.a = a;
}

std::optional<tensor::Format> format_of(Type type) {
  switch (type) {
    case Type::f16:
      return tensor::Format::f16;
    case Type::bf16:
      return tensor::Format::bf16;
    case Type::tf32:
      return tensor::Format::tf32;
    case Type::e4m3:
      return tensor::Format::e4m3;
    case Type::e5m2:
      return tensor::Format::e5m2;
    default:
      return std::nullopt;
  }
}

void mma(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sync");
  modifiers.take("aligned");
  MmaSpec spec;

  constexpr int kDepths[] = {4, 8, 16, 32};
  const int shape = modifiers.take_any({"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32"});
  if (shape < 0 || !modifiers.take("row") || !modifiers.take("col")) {
    decoder.refuse("this shape or layout is not supported");
  }
  spec.shape.k = kDepths[shape];
  const Type d = modifiers.take_type();
  const Type a = modifiers.take_type();
  const Type b = modifiers.take_type();
  const Type c = modifiers.take_type();
  const auto format = format_of(a);
  const bool sums = d == c && (d == Type::f32 || d == Type::f16);
  if (!format || a != b || !sums) {
    decoder.refuse("this combination of types is not supported");
  }
  const int bits = *format == tensor::Format::tf32     ? 32
                   : a == Type::f16 || a == Type::bf16 ? 16
                                                       : 8;
  // A's rows are 4 lanes wide: k spans one or two registers of each.
  if (spec.shape.k * bits != 128 && spec.shape.k * bits != 256) {
    decoder.refuse("this shape does not exist for the type");
  }
  spec.format = *format;
  spec.accumulator = d == Type::f16 ? tensor::Accumulator::f16 : tensor::Accumulator::f32;
  std::vector<Ref> refs;
  for (std::size_t i = 0; i < 4; ++i) {
    for (const auto* element : decoder.elements(decoder.operand(i))) {
      refs.push_back(
          i == 0 ? decoder.destination(*element)
                 : decoder.source(*element, i == 3 && d == Type::f32 ? Type::f32 : Type::b32));
    }
  }
  const auto words =
      static_cast<std::size_t>(2 * (d == Type::f16 ? 2 : 4) + 3 * spec.shape.k * bits / 128);
  if (refs.size() != words) {
    decoder.refuse("the number of registers does not fit the shape");
  }
  const std::uint32_t list = decoder.add_refs(refs);
  Op& op = decoder.emit(matrix_multiply, InstructionClass::tensor);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.immediate = spec.pack();
}

}  // namespace

void add_warp(DecodeTable& table) {
  table["shfl"] = shfl;
  table["vote"] = vote_;
  table["match"] = match_;
  table["redux"] = redux_;
  table["elect"] = elect_;
  table["activemask"] = activemask;
  table["ldmatrix"] = ldmatrix;
  table["stmatrix"] = stmatrix;
  table["movmatrix"] = movmatrix;
  table["mma"] = mma;
}

}  // namespace rackproof::emulator::exec

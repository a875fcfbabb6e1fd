// Logic, shifts, bit fields, comparisons and selection.
#include "emulator/exec/decoder.hpp"

#include <bit>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kInteger = InstructionClass::integer;

struct Operands {
  Ref a = kNoRef;
  Ref b = kNoRef;
  Ref c = kNoRef;
  Ref d = kNoRef;
};
Op& finish(Decoder& decoder, Handler handler, const Operands& refs) {
  Op& op = decoder.emit(handler, kInteger);
  op.dst = decoder.destination(0);
  op.a = refs.a;
  op.b = refs.b;
  op.c = refs.c;
  op.d = refs.d;
  return op;
}

template <BitOp kOp, std::size_t kSources>
void same_type(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  Operands refs;
  refs.a = decoder.source(1, type);
  if constexpr (kSources > 1) {
    refs.b = decoder.source(2, type);
  }
  if constexpr (kSources > 2) {
    refs.c = decoder.source(3, type);
  }
  finish(decoder, lane_ops().bits(kOp, type), refs);
}

template <BitOp kOp>
void shift(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, Type::u32)};
  finish(decoder, lane_ops().bits(kOp, type), refs);
}

void bfe(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, Type::u32),
                      decoder.source(3, Type::u32)};
  finish(decoder, lane_ops().bits(BitOp::bfe, type), refs);
}

void bfi(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, type),
                      decoder.source(3, Type::u32), decoder.source(4, Type::u32)};
  finish(decoder, lane_ops().bits(BitOp::bfi, type), refs);
}

void bfind(Decoder& decoder) {
  const bool amount = decoder.modifiers().take("shiftamt");
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type)};
  finish(decoder, lane_ops().bits(amount ? BitOp::bfind_shiftamt : BitOp::bfind, type), refs);
}

template <BitOp kClamp, BitOp kWrap, bool kTyped>
void clamp_or_wrap(Decoder& decoder) {
  const bool wrap = decoder.modifiers().take_any({"clamp", "wrap"}) == 1;
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, kTyped ? type : Type::u32), decoder.source(2, Type::u32)};
  finish(decoder, lane_ops().bits(wrap ? kWrap : kClamp, type), refs);
}

void prmt(Decoder& decoder) {
  const int mode = decoder.modifiers().take_any({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, type),
                      decoder.source(3, Type::u32)};
  finish(decoder, lane_ops().bits(BitOp::prmt, type), refs).mode =
      static_cast<std::uint8_t>(mode + 1);
}

void lop3(Decoder& decoder) {
  const int bool_op = decoder.modifiers().take_any({"and", "or", "xor"}) + 1;
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, type), decoder.source(3, type)};
  const auto* table = std::get_if<ptx::IntegerLiteral>(&decoder.operand(4).value);
  if (table == nullptr) {
    decoder.refuse("the look-up table must be an immediate");
  }
  const auto results = decoder.elements(decoder.operand(0));
  Ref result = decoder.destination(*results[0]);
  result = result == kNoRef ? decoder.temporary(4) : result;
  const bool has_predicate = results.size() > 1;
  Op& op = decoder.emit(lane_ops().bits(BitOp::lop3, type), kInteger);
  op.dst = result;
  op.a = refs.a;
  op.b = refs.b;
  op.c = refs.c;
  op.immediate = table->value;
  if (has_predicate) {
    // d|p: p = (d != 0) op q
    const Ref zero = decoder.constant(0, 4);
    const Ref third = decoder.source_predicate(decoder.operand(5));
    Op& test = decoder.emit(lane_ops().setp(Compare::ne, Type::b32), kInteger);
    test.dst = decoder.destination(*results[1]);
    test.a = result;
    test.b = zero;
    test.c = third;
    test.mode = static_cast<std::uint8_t>(bool_op);
    test.expansion = true;
  }
}

void shf(Decoder& decoder) {
  const bool right = decoder.modifiers().take_any({"l", "r"}) == 1;
  const bool wrap = decoder.modifiers().take_any({"clamp", "wrap"}) == 1;
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, type),
                      decoder.source(3, Type::u32)};
  const BitOp kind = right ? (wrap ? BitOp::shf_r_wrap : BitOp::shf_r_clamp)
                           : (wrap ? BitOp::shf_l_wrap : BitOp::shf_l_clamp);
  finish(decoder, lane_ops().bits(kind, type), refs);
}

void fns(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, Type::u32),
                      decoder.source(3, Type::s32)};
  finish(decoder, lane_ops().bits(BitOp::fns, type), refs);
}

void dot(Decoder& decoder, BitOp kind) {
  const bool signed_a = decoder.modifiers().take_type() == Type::s32;
  const bool signed_b = decoder.modifiers().take_type() == Type::s32;
  const Operands refs{decoder.source(1, Type::u32), decoder.source(2, Type::u32),
                      decoder.source(3, Type::u32)};
  finish(decoder, lane_ops().bits(kind, Type::u32), refs).mode =
      static_cast<std::uint8_t>((signed_a ? 1 : 0) | (signed_b ? 2 : 0));
}
void dp4a(Decoder& decoder) {
  dot(decoder, BitOp::dp4a);
}
void dp2a(Decoder& decoder) {
  dot(decoder, decoder.modifiers().take_any({"lo", "hi"}) == 1 ? BitOp::dp2a_hi : BitOp::dp2a_lo);
}

Compare take_compare(Decoder& decoder) {
  const int index =
      decoder.modifiers().take_any({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs",
                                    "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (index < 0) {
    decoder.refuse("no comparison");
  }
  return static_cast<Compare>(index);
}
std::uint8_t take_bool_op(Decoder& decoder) {
  return static_cast<std::uint8_t>(decoder.modifiers().take_any({"and", "or", "xor"}) + 1);
}

void setp(Decoder& decoder) {
  const Compare compare = take_compare(decoder);
  const std::uint8_t bool_op = take_bool_op(decoder);
  const std::uint8_t flags = decoder.modifiers().take_flags();
  const Type type = decoder.modifiers().take_type();
  const Ref a = decoder.source(1, type);
  const Ref b = decoder.source(2, type);
  const auto results = decoder.elements(decoder.operand(0));
  Op& op = decoder.emit(lane_ops().setp(compare, type), type == Type::f32   ? InstructionClass::fp32
                                                        : type == Type::f64 ? InstructionClass::fp64
                                                                            : kInteger);
  op.dst = decoder.destination(*results[0]);
  op.d = results.size() > 1 ? decoder.destination(*results[1]) : kNoRef;
  op.a = a;
  op.b = b;
  op.c = bool_op != 0 ? decoder.source_predicate(decoder.operand(3)) : kNoRef;
  op.mode = bool_op;
  op.flags = flags;
}

std::int64_t true_word(Type type) {
  switch (type) {
    case Type::f32:
      return std::bit_cast<std::int32_t>(1.0F);
    case Type::f16:
      return 0x3c00;
    case Type::bf16:
      return 0x3f80;
    case Type::f16x2:
      return 0x3c003c00;
    case Type::bf16x2:
      return 0x3f803f80;
    case Type::u16:
    case Type::s16:
      return 0xffff;
    default:
      return 0xffffffff;
  }
}

void set(Decoder& decoder) {
  const Compare compare = take_compare(decoder);
  const std::uint8_t bool_op = take_bool_op(decoder);
  const std::uint8_t flags = decoder.modifiers().take_flags();
  const Type to = decoder.modifiers().take_type();
  const Type type = decoder.modifiers().take_type();
  const Ref a = decoder.source(1, type);
  const Ref b = decoder.source(2, type);
  Op& op = decoder.emit(lane_ops().set(compare, type), kInteger);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = b;
  op.c = bool_op != 0 ? decoder.source_predicate(decoder.operand(3)) : kNoRef;
  op.mode = bool_op;
  op.flags = flags;
  op.immediate = true_word(to);
}

void testp(Decoder& decoder) {
  const int property = decoder.modifiers().take_any(
      {"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type)};
  finish(decoder,
         property < 0 ? nullptr : lane_ops().testp(static_cast<TestProperty>(property), type),
         refs);
}

void selp(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, type),
                      decoder.source_predicate(decoder.operand(3))};
  finish(decoder, lane_ops().bits(BitOp::select, type), refs);
}

void slct(Decoder& decoder) {
  const std::uint8_t flags = decoder.modifiers().take_flags();
  const Type type = decoder.modifiers().take_type();
  const Type by = decoder.modifiers().take_type();
  const Operands refs{decoder.source(1, type), decoder.source(2, type), decoder.source(3, by)};
  finish(decoder, lane_ops().bits(by == Type::f32 ? BitOp::slct_f32 : BitOp::slct_s32, type), refs)
      .flags = flags;
}

}  // namespace

void add_logic(DecodeTable& table) {
  table["and"] = same_type<BitOp::and_, 2>;
  table["or"] = same_type<BitOp::or_, 2>;
  table["xor"] = same_type<BitOp::xor_, 2>;
  table["not"] = same_type<BitOp::not_, 1>;
  table["cnot"] = same_type<BitOp::cnot, 1>;
  table["popc"] = same_type<BitOp::popc, 1>;
  table["clz"] = same_type<BitOp::clz, 1>;
  table["brev"] = same_type<BitOp::brev, 1>;
  table["shl"] = shift<BitOp::shl>;
  table["shr"] = shift<BitOp::shr>;
  table["bfe"] = bfe;
  table["bfi"] = bfi;
  table["bfind"] = bfind;
  table["szext"] = clamp_or_wrap<BitOp::szext_clamp, BitOp::szext_wrap, true>;
  table["bmsk"] = clamp_or_wrap<BitOp::bmsk_clamp, BitOp::bmsk_wrap, false>;
  table["prmt"] = prmt;
  table["lop3"] = lop3;
  table["shf"] = shf;
  table["fns"] = fns;
  table["dp4a"] = dp4a;
  table["dp2a"] = dp2a;
  table["setp"] = setp;
  table["set"] = set;
  table["testp"] = testp;
  table["selp"] = selp;
  table["slct"] = slct;
}

}  // namespace rackproof::emulator::exec

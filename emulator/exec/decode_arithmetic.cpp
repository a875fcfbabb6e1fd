// Integer, floating-point and half-precision arithmetic.
#include "emulator/exec/decoder.hpp"

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

bool is_float(Type type) {
  return type == Type::f32 || type == Type::f64 || type == Type::f32x2;
}
bool is_half(Type type) {
  return type == Type::f16 || type == Type::f16x2 || type == Type::bf16 || type == Type::bf16x2;
}

InstructionClass class_of(Type type) {
  switch (type) {
    case Type::f32:
    case Type::f32x2:
      return InstructionClass::fp32;
    case Type::f64:
      return InstructionClass::fp64;
    case Type::f16:
    case Type::f16x2:
    case Type::bf16:
    case Type::bf16x2:
      return InstructionClass::fp16;
    default:
      return InstructionClass::integer;
  }
}

Op& operands(Decoder& decoder, Handler handler, Type type, std::size_t sources,
             std::uint8_t flags) {
  Ref refs[3] = {kNoRef, kNoRef, kNoRef};
  for (std::size_t i = 0; i < sources; ++i) {
    refs[i] = decoder.source(i + 1, type);
  }
  Op& op = decoder.emit(handler, class_of(type));
  op.dst = decoder.destination(0);
  op.a = refs[0];
  op.b = refs[1];
  op.c = refs[2];
  op.flags = flags;
  return op;
}

// A floating or half operation of `sources` operands.
void floating(Decoder& decoder, FloatOp kind, Type type, std::size_t sources, std::uint32_t flops) {
  Modifiers& modifiers = decoder.modifiers();
  const auto rounding = modifiers.take_rounding().value_or(Rounding::nearest_even);
  const std::uint8_t flags = modifiers.take_flags();
  if (is_half(type)) {
    if (rounding != Rounding::nearest_even) {
      decoder.refuse("half precision rounds to nearest even only");
    }
    operands(decoder, lane_ops().half(kind, type), type, sources, flags);
    return;
  }
  Op& op = operands(decoder, lane_ops().floating(kind, type, rounding), type, sources, flags);
  op.mode = static_cast<std::uint8_t>(rounding);
  if (type == Type::f32 || type == Type::f32x2) {
    op.flops = static_cast<std::uint8_t>(type == Type::f32x2 ? 2 * flops : flops);
  }
}

// add, sub, fma.f32.f16 and .bf16: all operands but the last are narrow, and exact in f32.
void mixed(Decoder& decoder, FloatOp kind, Type narrow, std::size_t sources) {
  Modifiers& modifiers = decoder.modifiers();
  const auto rounding = modifiers.take_rounding().value_or(Rounding::nearest_even);
  const std::uint8_t flags = modifiers.take_flags();
  Ref refs[3] = {kNoRef, kNoRef, kNoRef};
  for (std::size_t i = 0; i + 1 < sources; ++i) {
    const Ref from = decoder.source(i + 1, narrow);
    refs[i] = decoder.temporary(4);
    Op& widen = decoder.emit(lane_ops().convert({Type::f32, narrow}, 0), InstructionClass::fp32);
    widen.dst = refs[i];
    widen.a = from;
    widen.expansion = true;
  }
  refs[sources - 1] = decoder.source(sources, Type::f32);
  Op& op = decoder.emit(lane_ops().floating(kind, Type::f32, rounding), InstructionClass::fp32);
  op.dst = decoder.destination(0);
  op.a = refs[0];
  op.b = refs[1];
  op.c = refs[2];
  op.flags = flags;
  op.mode = static_cast<std::uint8_t>(rounding);
  op.flops = static_cast<std::uint8_t>(sources - 1);
}

void integer(Decoder& decoder, IntegerOp kind, Type type, std::size_t sources) {
  operands(decoder, lane_ops().integer(kind, type), type, sources, 0);
}

// add and sub, with .sat and the carry chain.
template <FloatOp kFloat, IntegerOp kPlain, IntegerOp kSat, IntegerOp kCarryOut>
void add_or_sub(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const Type type = modifiers.take_type();
  if (is_float(type) || is_half(type)) {
    if (const Type narrow = modifiers.take_type(); narrow != Type::none) {
      mixed(decoder, kFloat, narrow, 2);
      return;
    }
    floating(decoder, kFloat, type, 2, 1);
    return;
  }
  if (modifiers.take("cc")) {
    const Ref carry = decoder.carry_flag();
    Op& op = operands(decoder, lane_ops().integer(kCarryOut, type), type, 2, 0);
    op.d = carry;
    return;
  }
  integer(decoder, modifiers.take("sat") ? kSat : kPlain, type, 2);
}

template <IntegerOp kPlain, IntegerOp kOut>
void carry_in(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool out = modifiers.take("cc");
  const Type type = modifiers.take_type();
  const Ref carry = decoder.carry_flag();
  Op& op = operands(decoder, lane_ops().integer(out ? kOut : kPlain, type), type, 2, 0);
  op.d = carry;
}

Type wide_of(Type type) {
  switch (type) {
    case Type::u16:
      return Type::u32;
    case Type::s16:
      return Type::s32;
    case Type::u32:
      return Type::u64;
    default:
      return Type::s64;
  }
}

void mul(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const int half = modifiers.take_any({"lo", "hi", "wide"});
  const Type type = modifiers.take_type();
  if (half < 0) {
    floating(decoder, FloatOp::mul, type, 2, 1);
    return;
  }
  constexpr IntegerOp kKinds[] = {IntegerOp::mul_lo, IntegerOp::mul_hi, IntegerOp::mul_wide};
  integer(decoder, kKinds[half], type, 2);
}

void mad_operands(Decoder& decoder, IntegerOp kind, Type type, Type sum, bool carry) {
  const Ref flag = carry ? decoder.carry_flag() : kNoRef;
  const Ref a = decoder.source(1, type);
  const Ref b = decoder.source(2, type);
  const Ref c = decoder.source(3, sum);
  Op& op = decoder.emit(lane_ops().integer(kind, type), InstructionClass::integer);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = b;
  op.c = c;
  op.d = flag;
}

void mad(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const int half = modifiers.take_any({"lo", "hi", "wide"});
  const bool out = modifiers.take("cc");
  const bool saturate = half >= 0 && modifiers.take("sat");
  const Type type = modifiers.take_type();
  if (half < 0) {
    floating(decoder, FloatOp::fma, type, 3, 2);
    return;
  }
  if (half == 2) {
    mad_operands(decoder, IntegerOp::mad_wide, type, wide_of(type), false);
    return;
  }
  const IntegerOp kind = out         ? (half == 0 ? IntegerOp::mad_lo_cc : IntegerOp::mad_hi_cc)
                         : saturate  ? IntegerOp::mad_hi_sat
                         : half == 0 ? IntegerOp::mad_lo
                                     : IntegerOp::mad_hi;
  mad_operands(decoder, kind, type, type, out);
}

void madc(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool high = modifiers.take_any({"lo", "hi"}) == 1;
  const bool out = modifiers.take("cc");
  const Type type = modifiers.take_type();
  const IntegerOp kind = high ? (out ? IntegerOp::madc_hi_cc : IntegerOp::madc_hi)
                              : (out ? IntegerOp::madc_lo_cc : IntegerOp::madc_lo);
  mad_operands(decoder, kind, type, type, true);
}

template <IntegerOp kLow, IntegerOp kHigh, std::size_t kSources>
void mul24(Decoder& decoder) {
  const bool high = decoder.modifiers().take_any({"lo", "hi"}) == 1;
  integer(decoder, high ? kHigh : kLow, decoder.modifiers().take_type(), kSources);
}

void fma(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  if (const Type narrow = decoder.modifiers().take_type(); narrow != Type::none) {
    mixed(decoder, FloatOp::fma, narrow, 3);
    return;
  }
  floating(decoder, FloatOp::fma, type, 3, 2);
}

void divide(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take_any({"approx", "full"});
  const Type type = modifiers.take_type();
  if (is_float(type)) {
    floating(decoder, FloatOp::div, type, 2, 1);
  } else {
    integer(decoder, IntegerOp::div, type, 2);
  }
}

template <FloatOp kOp>
void unary_float(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("approx");
  const Type type = modifiers.take_type();
  floating(decoder, kOp, type, 1, 0);
  constexpr bool kSpecial = kOp != FloatOp::abs && kOp != FloatOp::neg;
  if (kSpecial && type != Type::f64) {
    decoder.out().code.back().instruction_class =
        static_cast<std::uint8_t>(InstructionClass::special_function);
  }
}

template <FloatOp kFloat, IntegerOp kInteger>
void sign(Decoder& decoder) {
  const Type type = decoder.modifiers().take_type();
  if (is_float(type) || is_half(type)) {
    floating(decoder, kFloat, type, 1, 0);
  } else {
    integer(decoder, kInteger, type, 1);
  }
}

template <FloatOp kFloat, FloatOp kThree, IntegerOp kInteger, IntegerOp kRelu>
void extremum(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const Type type = modifiers.take_type();
  if (is_float(type) || is_half(type)) {
    const bool three = decoder.operand_count() == 4;
    const bool magnitudes = three && modifiers.take("abs");
    floating(decoder, three ? kThree : kFloat, type, three ? 3 : 2, 0);
    decoder.out().code.back().flags |= magnitudes ? op_flags::kXorSign : 0;
    return;
  }
  integer(decoder, modifiers.take("relu") ? kRelu : kInteger, type, 2);
}

void mad24(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool high = modifiers.take_any({"lo", "hi"}) == 1;
  const bool saturate = modifiers.take("sat");
  const Type type = modifiers.take_type();
  if (!saturate) {
    integer(decoder, high ? IntegerOp::mad24_hi : IntegerOp::mad24_lo, type, 3);
    return;
  }
  // .hi.sat.s32: the upper 32 bits of the product always fit; the sum saturates.
  const Ref product = decoder.temporary(4);
  const Ref addend = decoder.source(3, type);
  const Ref a = decoder.source(1, type);
  const Ref b = decoder.source(2, type);
  Op& multiply =
      decoder.emit(lane_ops().integer(IntegerOp::mul24_hi, type), InstructionClass::integer);
  multiply.dst = product;
  multiply.a = a;
  multiply.b = b;
  Op& add = decoder.emit(lane_ops().integer(IntegerOp::add_sat, type), InstructionClass::integer);
  add.dst = decoder.destination(0);
  add.a = product;
  add.b = addend;
  add.expansion = true;
}

template <IntegerOp kOp, std::size_t kSources>
void integer_only(Decoder& decoder) {
  integer(decoder, kOp, decoder.modifiers().take_type(), kSources);
}

void copysign(Decoder& decoder) {
  floating(decoder, FloatOp::copysign, decoder.modifiers().take_type(), 2, 0);
}

}  // namespace

void add_arithmetic(DecodeTable& table) {
  table["add"] = add_or_sub<FloatOp::add, IntegerOp::add, IntegerOp::add_sat, IntegerOp::add_cc>;
  table["sub"] = add_or_sub<FloatOp::sub, IntegerOp::sub, IntegerOp::sub_sat, IntegerOp::sub_cc>;
  table["addc"] = carry_in<IntegerOp::addc, IntegerOp::addc_cc>;
  table["subc"] = carry_in<IntegerOp::subc, IntegerOp::subc_cc>;
  table["mul"] = mul;
  table["mad"] = mad;
  table["madc"] = madc;
  table["mul24"] = mul24<IntegerOp::mul24_lo, IntegerOp::mul24_hi, 2>;
  table["mad24"] = mad24;
  table["fma"] = fma;
  table["div"] = divide;
  table["rem"] = integer_only<IntegerOp::rem, 2>;
  table["sad"] = integer_only<IntegerOp::sad, 3>;
  table["abs"] = sign<FloatOp::abs, IntegerOp::abs>;
  table["neg"] = sign<FloatOp::neg, IntegerOp::neg>;
  table["min"] = extremum<FloatOp::min, FloatOp::min3, IntegerOp::min, IntegerOp::min_relu>;
  table["max"] = extremum<FloatOp::max, FloatOp::max3, IntegerOp::max, IntegerOp::max_relu>;
  table["rcp"] = unary_float<FloatOp::rcp>;
  table["sqrt"] = unary_float<FloatOp::sqrt>;
  table["rsqrt"] = unary_float<FloatOp::rsqrt>;
  table["ex2"] = unary_float<FloatOp::ex2>;
  table["lg2"] = unary_float<FloatOp::lg2>;
  table["sin"] = unary_float<FloatOp::sin>;
  table["cos"] = unary_float<FloatOp::cos>;
  table["tanh"] = unary_float<FloatOp::tanh>;
  table["copysign"] = copysign;
}

}  // namespace rackproof::emulator::exec

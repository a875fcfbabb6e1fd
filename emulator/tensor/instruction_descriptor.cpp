#include "emulator/tensor/instruction_descriptor.hpp"

#include <algorithm>
#include <array>

namespace rackproof::emulator::tensor {
namespace {

class Bits {
 public:
  explicit Bits(std::uint32_t bits) : bits_(bits) {}
  [[nodiscard]] std::uint32_t field(unsigned first, unsigned width) const {
    return bits_ >> first & ((1U << width) - 1);
  }
  [[nodiscard]] bool bit(unsigned at) const { return field(at, 1) != 0; }
  void require_zero(unsigned first, unsigned width, const char* why) const {
    if (field(first, width) != 0) {
      throw DescriptorError("bits " + std::to_string(first) + " to " +
                            std::to_string(first + width - 1) +
                            " of the instruction descriptor have to be 0: " + why);
    }
  }

 private:
  std::uint32_t bits_;
};

constexpr const char* kReserved = "they are reserved";

[[noreturn]] void refuse(const std::string& why) {
  throw DescriptorError("instruction descriptor: " + why);
}

bool is_fp4(UnitKind kind) {
  return kind == UnitKind::mxf4 || kind == UnitKind::mxf4nvf4;
}

Format format(UnitKind kind, std::uint32_t code, char operand) {
  const std::string name = std::string("type ") + std::to_string(code) + " of " + operand;
  switch (kind) {
    case UnitKind::f16:
      if (code <= 1) {
        return code == 0 ? Format::f16 : Format::bf16;
      }
      break;
    case UnitKind::tf32:
      if (code == 2) {
        return Format::tf32;
      }
      break;
    case UnitKind::mxf4:
    case UnitKind::mxf4nvf4:
      if (code == 1) {
        return Format::e2m1;
      }
      break;
    default: {
      constexpr std::array kCodes = {Format::e4m3, Format::e5m2, Format::f16,
                                     Format::e2m3, Format::e3m2, Format::e2m1};
      if (code < kCodes.size() && code != 2) {
        return kCodes[code];
      }
    }
  }
  refuse(name + " is not one of this kind");
}

ElementPacking packing(const MatrixUnit& unit, Format format) {
  if (unit.integer()) {
    return ElementPacking::bits_8;
  }
  switch (format) {
    case Format::f16:
    case Format::bf16:
      return ElementPacking::bits_16;
    case Format::tf32:
      return ElementPacking::bits_32;
    case Format::e2m3:
    case Format::e3m2:
      return ElementPacking::bits_6_padded;
    case Format::e2m1:
      return is_fp4(unit.kind) ? ElementPacking::bits_4 : ElementPacking::bits_4_padded;
    default:
      return ElementPacking::bits_8;
  }
}

std::size_t dense_k(UnitKind kind) {
  return kind == UnitKind::f16 ? 16 : kind == UnitKind::tf32 ? 8 : is_fp4(kind) ? 64 : 32;
}

/// Bits 3 to 14 of the kinds without scale factors, and 29 to 31.
void decode_plain(const Bits& bits, const InstructionContext& context, MatrixInstruction& out) {
  MatrixUnit& unit = out.unit;
  bits.require_zero(6, 1, kReserved);
  bits.require_zero(23, 1, kReserved);
  bits.require_zero(29, 1, kReserved);
  if (unit.integer()) {
    unit.saturate = bits.bit(3);
    bits.require_zero(13, 2, "integers are not negated");
    if (bits.field(7, 3) > 1 || bits.field(10, 3) > 1) {
      refuse("the types of kind::i8 are 0 (u8) and 1 (s8)");
    }
    unit.signed_a = bits.bit(7);
    unit.signed_b = bits.bit(10);
  } else {
    bits.require_zero(3, 1, "only integers saturate");
  }
  const std::uint32_t type_d = bits.field(4, 2);
  if (unit.integer() ? type_d != 2 : type_d > 1) {
    refuse("type " + std::to_string(type_d) + " of D is not one of this kind");
  }
  unit.accumulator = type_d == 0 ? Accumulator::f16 : Accumulator::f32;
  if (out.sparse) {
    out.sparsity_selector = bits.field(0, 2);
  } else {
    bits.require_zero(0, 2, "a sparsity selector is for .sp");
  }
  if (context.weight_stationary) {
    out.maximum_shift = bits.field(30, 2) == 0 ? 0 : 4U << bits.field(30, 2);
  } else {
    bits.require_zero(30, 2, "a maximum shift is for .ws");
  }
}

void decode_scaled(const Bits& bits, const InstructionContext& context, MatrixInstruction& out) {
  MatrixUnit& unit = out.unit;
  bits.require_zero(0, 2, kReserved);
  bits.require_zero(3, 1, kReserved);
  bits.require_zero(6, 1, kReserved);
  out.scale_id_b = bits.field(4, 2);
  out.scale_id_a = bits.field(29, 2);
  unit.scale_format = bits.bit(23) ? ScaleFormat::ue8m0 : ScaleFormat::ue4m3;
  const std::uint32_t block = context.scale_block == 0 ? 32 : context.scale_block;
  if (unit.scale_format == ScaleFormat::ue4m3 && (unit.kind != UnitKind::mxf4nvf4 || block != 16)) {
    refuse("UE4M3 scale factors (bit 23) are for kind::mxf4nvf4 with blocks of 16");
  }
  if (bits.bit(31)) {
    if (!is_fp4(unit.kind) || out.sparse) {
      refuse("K = 96 (bit 31) is for dense kind::mxf4 and kind::mxf4nvf4");
    }
    if (context.architecture != 103) {
      refuse("K = 96 (bit 31) needs sm_103a");
    }
    unit.k = 96;
  }
  unit.scale_block = is_fp4(unit.kind) ? block * (out.sparse ? 2 : 1) : unit.k;
  // A set of scale factors does not run over its four bytes; of six, the last two do.
  const std::size_t scales = unit.scales();
  for (const std::uint32_t id : {out.scale_id_a, out.scale_id_b}) {
    const bool legal = scales == 2 || scales == 6 ? id % 2 == 0 : scales != 4 || id == 0;
    if (!legal) {
      refuse("scale factor id " + std::to_string(id) + " for " + std::to_string(scales) +
             " scale factors along K");
    }
  }
}

void validate_shape(const InstructionContext& context, const MatrixInstruction& out) {
  const std::uint32_t m = out.m;
  const std::uint32_t n = out.n;
  const bool m_fits = context.weight_stationary ? m == 32 || m == 64 || m == 128
                      : context.cta_group == 2  ? m == 128 || m == 256
                      : out.unit.block_scaled() ? m == 128
                                                : m == 64 || m == 128;
  if (!m_fits) {
    refuse("M = " + std::to_string(m) + " with cta_group::" + std::to_string(context.cta_group) +
           (context.weight_stationary ? " and .ws" : ""));
  }
  bool n_fits = n >= 8 && n <= 256;
  if (context.weight_stationary) {
    n_fits = n == 64 || n == 128 || (n == 256 && !out.sparse);
  } else if (context.cta_group == 2) {
    n_fits = n_fits && n % 16 == 0;
  } else if (out.unit.integer()) {
    n_fits = n_fits && (n == 8 || n == 24 || n % 16 == 0);
  }
  if (!n_fits) {
    refuse("N = " + std::to_string(n) + " with M = " + std::to_string(m) + " and cta_group::" +
           std::to_string(context.cta_group) + (context.weight_stationary ? " and .ws" : ""));
  }
}

}  // namespace

MatrixInstruction decode_instruction_descriptor(std::uint32_t word,
                                                const InstructionContext& context) {
  const Bits bits(word);
  if (context.kind == UnitKind::i8 && context.architecture == 103) {
    refuse("sm_103 has no kind::i8");
  }
  MatrixInstruction out;
  MatrixUnit& unit = out.unit;
  unit.kind = context.kind;
  out.sparse = bits.bit(2);
  if (out.sparse != context.sparse) {
    refuse(out.sparse ? "bit 2 says sparse, the instruction has no .sp"
                      : "the instruction has .sp, bit 2 says dense");
  }
  unit.k = dense_k(unit.kind) * (out.sparse ? 2 : 1);
  if (!unit.integer()) {
    unit.format_a = format(unit.kind, bits.field(7, 3), 'A');
    unit.format_b = format(unit.kind, bits.field(10, 3), 'B');
    unit.negate_a = bits.bit(13);
    unit.negate_b = bits.bit(14);
  }
  out.n = bits.field(17, 6) * 8;
  out.m = bits.field(24, 5) * 16;
  if (unit.block_scaled()) {
    decode_scaled(bits, context, out);
  } else {
    decode_plain(bits, context, out);
  }
  out.packing_a = packing(unit, unit.format_a);
  out.packing_b = packing(unit, unit.format_b);
  out.a_mn_major = bits.bit(15);
  out.b_mn_major = bits.bit(16);
  if (is_fp4(unit.kind) && (out.a_mn_major || out.b_mn_major)) {
    refuse("packed 4-bit operands are not transposed (bits 15 and 16)");
  }
  if (context.a_in_tensor_memory && out.a_mn_major) {
    refuse("A in tensor memory is not transposed (bit 15)");
  }
  validate_shape(context, out);
  try {
    validate(unit);
  } catch (const UnknownArithmetic& unknown) {
    refuse(unknown.what());
  }
  return out;
}

}  // namespace rackproof::emulator::tensor

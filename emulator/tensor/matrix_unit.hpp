#pragma once
/// Arithmetic of the matrix units of Hopper (wgmma) and Blackwell (tcgen05), bit for bit.
///
/// Source: arXiv 2511.10909 (MMA-Sim). One instruction is one fused sum over its K: the exact
/// products and the addend are cut toward zero at F fraction bits below the largest exponent among
/// them, added exactly, and rounded once (f32 truncated, f16 to nearest even). F is 25; 13 for fp8
/// on Hopper, whose f32 results keep 13 fraction bits. Scale factors of mxf8f6f4 add to the
/// exponents of the products. mxf4 and mxf4nvf4 add 16 products exactly, multiply by both scales'
/// significands, and align these terms at F = 35. Integers: PTX ISA 9.0, section 9.7.15.
///
/// Not confirmed by any model or measurement: e2m3, e3m2 and e2m1 within f8f6f4 and mxf8f6f4 (the
/// rule of e4m3), K = 96 (six groups of 16), sparse operands (only the products selected exist).

#include "emulator/tensor/mma.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace rackproof::emulator::tensor {

/// wgmma's three families, then .kind of tcgen05.mma.
enum class UnitKind : std::uint8_t {
  wgmma,
  wgmma_integer,
  wgmma_bits,
  f16,
  tf32,
  f8f6f4,
  i8,
  mxf8f6f4,
  mxf4,
  mxf4nvf4,
};
enum class ScaleFormat : std::uint8_t { ue8m0, ue4m3 };

/// What one instruction computes: D = A * B + D.
struct MatrixUnit {
  UnitKind kind = UnitKind::f16;
  Format format_a = Format::f16;  ///< of floating kinds
  Format format_b = Format::f16;
  bool signed_a = true;  ///< of integer kinds
  bool signed_b = true;
  bool saturate = false;                       ///< integers end at the limits of s32
  Accumulator accumulator = Accumulator::f32;  ///< of floating kinds; integers have s32
  bool negate_a = false;                       ///< floating kinds
  bool negate_b = false;
  /// Along K; of sparse operands the K of B. Of wgmma_bits in bits.
  std::size_t k = 16;
  ScaleFormat scale_format = ScaleFormat::ue8m0;  ///< of mx kinds
  std::size_t scale_block = 32;                   ///< elements of K for each scale factor
  int input_shift = 0;                            ///< scale-input-d: D = A * B + D * 2^-input_shift

  [[nodiscard]] bool block_scaled() const { return kind >= UnitKind::mxf8f6f4; }
  [[nodiscard]] bool integer() const {
    return kind == UnitKind::wgmma_integer || kind == UnitKind::i8;
  }
  /// Scale factors for each row of A and column of B; 0 without scales.
  [[nodiscard]] std::size_t scales() const { return block_scaled() ? k / scale_block : 0; }
};

/// The code of an element that sparsity leaves out: it has no product.
inline constexpr std::uint32_t kAbsentElement = 0xffffffffU;

/// Rows of A or columns of B, `lines` x k codes, line by line. A code is one element in the low
/// bits of a word; of tf32 the low 13 bits are 0; of wgmma_bits a word holds 32 elements, the
/// lowest k in bit 0. Scales: `lines` x unit.scales() codes.
struct OperandCodes {
  std::size_t lines = 0;
  std::vector<std::uint32_t> codes;
  std::vector<std::uint8_t> scales;
};

struct DecodedOperand;

/// An operand ready to be multiplied: decoded once, used against any number of others.
class PreparedOperand {
 public:
  enum class Role : std::uint8_t { a, b };
  /// std::invalid_argument if the sizes do not fit, UnknownArithmetic as validate().
  PreparedOperand(const MatrixUnit& unit, Role role, OperandCodes operand);

  [[nodiscard]] std::size_t lines() const { return operand_.lines; }
  [[nodiscard]] const OperandCodes& codes() const { return operand_; }
  [[nodiscard]] const DecodedOperand& decoded() const { return *decoded_; }

 private:
  OperandCodes operand_;
  std::shared_ptr<const DecodedOperand> decoded_;
};

/// D = A * B + D. `d`: a.lines() rows of b.lines() words, `stride` words apart: f32 bits, s32, or
/// f16 codes in the low half (the high half is written as 0).
/// Throws UnknownArithmetic for formats that the kind does not multiply.
void multiply_accumulate(const MatrixUnit& unit, const PreparedOperand& a, const PreparedOperand& b,
                         std::uint32_t* d, std::size_t stride);

/// The same for one element by the definition, step by step: the reference of the fast path.
/// `a` and `b`: unit.k codes each (wgmma_bits: k / 32), `scales_*`: unit.scales() codes each.
[[nodiscard]] std::uint32_t multiply_element(const MatrixUnit& unit, const std::uint32_t* a,
                                             const std::uint32_t* b, const std::uint8_t* scales_a,
                                             const std::uint8_t* scales_b, std::uint32_t c);

/// Throws UnknownArithmetic, with the reason, for a unit that nothing describes.
void validate(const MatrixUnit& unit);

}  // namespace rackproof::emulator::tensor

/// Descriptors, layouts and metadata of matrix operands.

#include "emulator/tensor/instruction_descriptor.hpp"
#include "emulator/tensor/shared_descriptor.hpp"
#include "emulator/tensor/sparsity.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace rackproof::emulator::tensor {
namespace {

constexpr std::uint32_t kBegin = 1024;
constexpr std::uint32_t kEnd = 64 * 1024;

struct Fields {
  std::uint32_t start = 2048;
  std::uint32_t leading = 16;
  std::uint32_t stride = 1024;
  std::uint32_t base_offset = 0;
  std::uint64_t swizzle = 2;  // tcgen05: 128 bytes
};
std::uint64_t tcgen05_bits(const Fields& fields) {
  return std::uint64_t{fields.start >> 4} | std::uint64_t{fields.leading >> 4} << 16 |
         std::uint64_t{fields.stride >> 4} << 32 | std::uint64_t{1} << 46 |
         std::uint64_t{fields.base_offset} << 49 | fields.swizzle << 61;
}
MatrixDescriptor tcgen05(const Fields& fields) {
  return MatrixDescriptor::decode(tcgen05_bits(fields), DescriptorRules::tcgen05);
}

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const DescriptorError& error) {
    return error.what();
  }
  return "accepted";
}

// Byte of element (line, k), from the definition of each layout: groups of 8 rows of `width` bytes,
// in which the 16-byte chunk c of row r of a pattern stands at c ^ f(r).
TEST(SharedOperand, KMajorLayoutsPlaceEveryChunk) {
  struct Kind {
    std::uint64_t code;
    std::uint32_t width;
    std::function<std::uint32_t(std::uint32_t)> shift;  // of row r within eight
  };
  const Kind kinds[] = {{2, 128, [](std::uint32_t r) { return r; }},
                        {4, 64, [](std::uint32_t r) { return r / 2; }},
                        {6, 32, [](std::uint32_t r) { return r / 4; }},
                        {0, 16, [](std::uint32_t) { return 0U; }}};
  for (const Kind& kind : kinds) {
    const std::uint32_t stride = 8 * kind.width;
    const std::uint32_t leading = kind.code == 0 ? 4096 : 16;
    const SharedOperand operand{.lines = 32, .elements = 16};
    // The second K step of a pattern that is wide enough starts 32 bytes further.
    for (const std::uint32_t step : {0U, 32U}) {
      if (step + 32 > kind.width && kind.code != 0) {
        continue;
      }
      const auto chunks = operand_chunks(
          tcgen05(
              {.start = 2048 + step, .leading = leading, .stride = stride, .swizzle = kind.code}),
          operand, kBegin, kEnd);
      ASSERT_EQ(chunks.size(), 64U);
      for (const OperandChunk& chunk : chunks) {
        const std::uint32_t row = chunk.line % 8;
        const std::uint32_t c = chunk.element / 8U + (kind.code == 0 ? 0 : step / 16);
        const std::uint32_t expected = 2048 + (kind.code == 0 ? step : 0) +
                                       chunk.line / 8U * stride + row * kind.width +
                                       (kind.code == 0 ? c * leading : (c ^ kind.shift(row)) * 16);
        EXPECT_EQ(chunk.address, expected) << kind.code << " " << chunk.line << " " << c;
      }
      EXPECT_EQ(operand_wavefronts(chunks, operand).taken, 8U);
      EXPECT_EQ(operand_wavefronts(chunks, operand).minimum, 8U);
    }
  }
}

TEST(SharedOperand, MnMajorLayoutsPlaceEveryChunk) {
  // 128 lines of 16 bits: two atoms of 64, `leading` apart; K in groups of 8, `stride` apart.
  const SharedOperand operand{.lines = 128, .elements = 16, .mn_major = true};
  const auto chunks =
      operand_chunks(tcgen05({.leading = 8192, .stride = 1024}), operand, kBegin, kEnd);
  ASSERT_EQ(chunks.size(), 256U);
  for (const OperandChunk& chunk : chunks) {
    const std::uint32_t k = chunk.element;
    const std::uint32_t c = chunk.line / 8U % 8;
    EXPECT_EQ(chunk.address,
              2048 + chunk.line / 64U * 8192 + k / 8 * 1024 + k % 8 * 128 + (c ^ k % 8) * 16);
  }
  EXPECT_EQ(operand_wavefronts(chunks, operand).taken, operand_wavefronts(chunks, operand).minimum);

  // Without swizzle the two strides change places.
  for (const OperandChunk& chunk : operand_chunks(
           tcgen05({.leading = 4096, .stride = 128, .swizzle = 0}), operand, kBegin, kEnd)) {
    EXPECT_EQ(chunk.address,
              2048U + chunk.line / 8U * 128 + chunk.element % 8U * 16 + chunk.element / 8U * 4096);
  }

  // tf32 with 32-byte atoms: 32 lines, K in groups of 4.
  const SharedOperand tf32{
      .lines = 32, .elements = 8, .packing = ElementPacking::bits_32, .mn_major = true};
  for (const OperandChunk& chunk : operand_chunks(
           tcgen05({.leading = 4096, .stride = 512, .swizzle = 1}), tf32, kBegin, kEnd)) {
    const std::uint32_t c = chunk.line / 4U;
    const std::uint32_t k = chunk.element;
    EXPECT_EQ(chunk.address,
              2048 + k / 4 * 512 + k % 4 * 128 + ((c / 2) ^ k % 4) * 32 + c % 2 * 16);
  }
}

// The pattern follows the address, unless the base offset says that it begins at the matrix.
TEST(SharedOperand, BaseOffsetMovesThePattern) {
  const SharedOperand operand{.lines = 8, .elements = 16};
  constexpr std::uint32_t kRow = 3;
  for (const std::uint32_t base_offset : {0U, kRow}) {
    const Fields shifted{.start = 2048 + kRow * 128, .base_offset = base_offset};
    for (const OperandChunk& chunk : operand_chunks(tcgen05(shifted), operand, kBegin, kEnd)) {
      const std::uint32_t row = (chunk.line + (base_offset == 0 ? kRow : 0)) % 8;
      EXPECT_EQ(chunk.address,
                2048U + (kRow + chunk.line) * 128U + ((chunk.element / 8U) ^ row) * 16);
    }
  }
}

TEST(SharedOperand, ReadsEveryPacking) {
  std::vector<std::byte> shared(kEnd);
  for (std::size_t i = 0; i < shared.size(); ++i) {
    shared[i] = static_cast<std::byte>(i * 37 + i / 256);
  }
  const auto bit = [&](std::size_t byte, std::size_t at) {
    return static_cast<std::uint32_t>(shared[byte + at / 8] >> (at % 8)) & 1U;
  };
  struct Kind {
    ElementPacking packing;
    std::size_t bits;
    std::size_t elements;
  };
  for (const Kind& kind :
       {Kind{ElementPacking::bits_4, 4, 64}, Kind{ElementPacking::bits_8, 8, 32},
        Kind{ElementPacking::bits_16, 16, 16}, Kind{ElementPacking::bits_32, 32, 8},
        Kind{ElementPacking::bits_4_padded, 4, 32}, Kind{ElementPacking::bits_6_padded, 6, 32},
        Kind{ElementPacking::bits_1, 32, 8}}) {
    const SharedOperand operand{.lines = 16, .elements = kind.elements, .packing = kind.packing};
    const auto chunks = operand_chunks(tcgen05({}), operand, kBegin, kEnd);
    std::vector<std::uint32_t> codes;
    read_operand(chunks, operand, shared.data(), codes);
    ASSERT_EQ(codes.size(), 16 * kind.elements);
    const std::size_t per_chunk = elements_per_chunk(kind.packing);
    for (const OperandChunk& chunk : chunks) {
      for (std::size_t i = 0; i < per_chunk; ++i) {
        std::uint32_t expected = 0;
        for (std::size_t at = 0; at < kind.bits; ++at) {
          expected |= bit(chunk.address, i * kind.bits + at) << at;
        }
        expected &= kind.packing == ElementPacking::bits_32 ? 0xffffe000U : 0xffffffffU;
        EXPECT_EQ(codes[chunk.line * kind.elements + chunk.element + i], expected);
      }
    }
    // MN-major, the same chunks hold lines.
    if (kind.bits >= 6 && kind.packing != ElementPacking::bits_1) {
      const SharedOperand across{
          .lines = 32, .elements = 8, .packing = kind.packing, .mn_major = true};
      const auto columns = operand_chunks(tcgen05({.leading = 4096}), across, kBegin, kEnd);
      read_operand(columns, across, shared.data(), codes);
      const OperandChunk& chunk = columns[columns.size() - 1];
      std::uint32_t last = 0;
      for (std::size_t at = 0; at < kind.bits; ++at) {
        last |= bit(chunk.address, (per_chunk - 1) * kind.bits + at) << at;
      }
      last &= kind.packing == ElementPacking::bits_32 ? 0xffffe000U : 0xffffffffU;
      EXPECT_EQ(codes[31 * 8 + 7], last);
    }
  }
}

// Steps of 48 bytes: the third one straddles two windows, and LBO says where the second one is.
TEST(SharedOperand, AbsoluteLeadingDimensionBridgesWindows) {
  const SharedOperand operand{.lines = 16, .elements = 96, .packing = ElementPacking::bits_4};
  const std::uint64_t bits =
      tcgen05_bits({.start = 2048 + 96, .leading = 8192, .stride = 1024}) | std::uint64_t{1} << 52;
  const auto chunks = operand_chunks(
      MatrixDescriptor::decode(bits, DescriptorRules::tcgen05_absolute), operand, kBegin, kEnd);
  ASSERT_EQ(chunks.size(), 48U);
  for (const OperandChunk& chunk : chunks) {
    const std::uint32_t c = 6 + chunk.element / 32U;
    const std::uint32_t row = chunk.line % 8;
    const std::uint32_t window = c < 8 ? 2048 : 8192;
    EXPECT_EQ(chunk.address, window + chunk.line / 8U * 1024 + row * 128 + ((c % 8) ^ row) * 16);
  }
  EXPECT_NE(refusal([&] {
              (void)MatrixDescriptor::decode(bits, DescriptorRules::tcgen05);
            }).find("sm_103a"),
            std::string::npos);
}

TEST(MatrixDescriptor, RefusesWhatTheIsaForbids) {
  const std::uint64_t good = tcgen05_bits({});
  const auto decode = [](std::uint64_t bits, DescriptorRules rules = DescriptorRules::tcgen05) {
    return refusal([&] { (void)MatrixDescriptor::decode(bits, rules); });
  };
  EXPECT_EQ(decode(good), "accepted");
  EXPECT_EQ(decode(good | 3U << 14), "accepted");
  for (const unsigned at : {30U, 31U, 46U, 47U, 48U, 53U, 60U}) {
    EXPECT_NE(decode(good ^ std::uint64_t{1} << at), "accepted") << at;
  }
  for (const std::uint64_t mode : {3U, 5U, 7U}) {
    EXPECT_NE(decode(tcgen05_bits({.swizzle = mode})).find("invalid"), std::string::npos);
  }
  const std::uint64_t wgmma =
      (good & ~(std::uint64_t{7} << 61) & ~(std::uint64_t{1} << 46)) | std::uint64_t{1} << 62;
  EXPECT_EQ(decode(wgmma, DescriptorRules::wgmma), "accepted");
  EXPECT_EQ(MatrixDescriptor::decode(wgmma, DescriptorRules::wgmma).swizzle,
            SharedSwizzle::bytes_128);
  for (const unsigned at : {30U, 46U, 48U, 52U, 61U}) {
    EXPECT_NE(decode(wgmma ^ std::uint64_t{1} << at, DescriptorRules::wgmma), "accepted") << at;
  }
  const auto chunks = [](const Fields& fields, const SharedOperand& operand) {
    return refusal([&] { (void)operand_chunks(tcgen05(fields), operand, kBegin, kEnd); });
  };
  const SharedOperand rows{.lines = 64, .elements = 16};
  EXPECT_EQ(chunks({}, rows), "accepted");
  EXPECT_NE(chunks({.start = kEnd - 1024}, rows).find("ends at"), std::string::npos);
  EXPECT_NE(chunks({.start = 0}, rows).find("reaches byte"), std::string::npos);
  EXPECT_NE(chunks({.start = 2048 + 112}, rows).find("leaves the 128 bytes"), std::string::npos);
  EXPECT_NE(chunks({.swizzle = 1}, rows).find("MN-major"), std::string::npos);
  EXPECT_NE(
      chunks({}, {.lines = 64, .elements = 64, .packing = ElementPacking::bits_4, .mn_major = true})
          .find("K-major"),
      std::string::npos);
}

TEST(InstructionDescriptor, DecodesPublishedValues) {
  // M256 N256 NVFP4 of a published GEMM, K = 64 and 96.
  const InstructionContext context{
      .kind = UnitKind::mxf4nvf4, .cta_group = 2, .scale_block = 16, .architecture = 103};
  const MatrixInstruction k64 = decode_instruction_descriptor(0x10400480, context);
  EXPECT_EQ(k64.m, 256U);
  EXPECT_EQ(k64.n, 256U);
  EXPECT_EQ(k64.unit.k, 64U);
  EXPECT_EQ(k64.unit.scale_format, ScaleFormat::ue4m3);
  EXPECT_EQ(k64.unit.scales(), 4U);
  EXPECT_EQ(k64.packing_a, ElementPacking::bits_4);
  const MatrixInstruction k96 = decode_instruction_descriptor(0x90400480, context);
  EXPECT_EQ(k96.unit.k, 96U);
  EXPECT_EQ(k96.unit.scales(), 6U);
  EXPECT_NE(refusal([&] {
              InstructionContext other = context;
              other.architecture = 100;
              (void)decode_instruction_descriptor(0x90400480, other);
            }).find("sm_103a"),
            std::string::npos);
  // bf16 128 x 256, fp32 sums, as CUTLASS makes it; A negated, B transposed.
  const std::uint32_t bf16 = 1U << 4 | 1U << 7 | 1U << 10 | 32U << 17 | 8U << 24;
  const MatrixInstruction dense =
      decode_instruction_descriptor(bf16 | 1U << 13 | 1U << 16, {.kind = UnitKind::f16});
  EXPECT_EQ(dense.m, 128U);
  EXPECT_EQ(dense.n, 256U);
  EXPECT_EQ(dense.unit.k, 16U);
  EXPECT_EQ(dense.unit.format_a, Format::bf16);
  EXPECT_TRUE(dense.unit.negate_a && !dense.unit.negate_b && dense.b_mn_major);
  EXPECT_FALSE(dense.a_mn_major);
}

TEST(InstructionDescriptor, RefusesWhatTheIsaForbids) {
  const std::uint32_t shape = 32U << 17 | 8U << 24;
  const std::uint32_t f16 = shape | 1U << 4;
  const auto decode = [](std::uint32_t bits, const InstructionContext& context) {
    return refusal([&] { (void)decode_instruction_descriptor(bits, context); });
  };
  const InstructionContext half{.kind = UnitKind::f16};
  EXPECT_EQ(decode(f16, half), "accepted");
  for (const unsigned at : {0U, 2U, 3U, 6U, 23U, 29U, 30U}) {
    EXPECT_NE(decode(f16 | 1U << at, half), "accepted") << at;
  }
  EXPECT_NE(decode(f16 | 2U << 7, half).find("type 2 of A"), std::string::npos);
  EXPECT_NE(decode(f16 | 1U << 7, half).find("formats"), std::string::npos);  // bf16 with f16
  EXPECT_NE(decode(f16 + (8U << 24), half).find("M = 256"), std::string::npos);
  EXPECT_NE(decode((f16 & ~(63U << 17)) | 33U << 17, half).find("N = 264"), std::string::npos);
  EXPECT_NE(decode((f16 & ~(63U << 17)) | 3U << 17, {.kind = UnitKind::f16, .cta_group = 2})
                .find("N = 24"),
            std::string::npos);
  const std::uint32_t i8 = shape | 2U << 4;
  EXPECT_EQ(decode(i8, {.kind = UnitKind::i8}), "accepted");
  EXPECT_NE(decode(i8, {.kind = UnitKind::i8, .architecture = 103}).find("sm_103"),
            std::string::npos);
  EXPECT_NE(decode(i8 | 1U << 13, {.kind = UnitKind::i8}).find("negated"), std::string::npos);
  const InstructionContext mxf8{.kind = UnitKind::mxf8f6f4};
  const MatrixInstruction scaled =
      decode_instruction_descriptor(shape | 1U << 23 | 3U << 4 | 2U << 29, mxf8);
  EXPECT_EQ(scaled.scale_id_b, 3U);
  EXPECT_EQ(scaled.scale_id_a, 2U);
  EXPECT_NE(decode(shape, mxf8).find("UE4M3"), std::string::npos);
  EXPECT_NE(decode(shape | 1U << 23 | 1U << 31, mxf8).find("K = 96"), std::string::npos);
  const InstructionContext nvfp4{.kind = UnitKind::mxf4nvf4, .scale_block = 16};
  EXPECT_NE(decode(0x08400480 | 1U << 29, nvfp4).find("scale factor id"), std::string::npos);
  EXPECT_NE(decode(0x08400480 | 1U << 15, nvfp4).find("transposed"), std::string::npos);
}

TEST(Sparsity, SpreadsByMetadata) {
  const std::vector<std::uint32_t> stored{1, 2, 3, 4};
  std::vector<std::uint32_t> row(8);
  const std::uint32_t a = kAbsentElement;
  std::uint32_t metadata = 0b1001'0100;  // (0, 1), (1, 2)
  spread_sparse_row(SparsityPattern::two_of_four, stored, {&metadata, 1}, row);
  EXPECT_EQ(row, (std::vector<std::uint32_t>{1, 2, a, a, a, 3, 4, a}));
  metadata = 0b1110'0100'0100'1110;
  spread_sparse_row(SparsityPattern::one_of_two, stored, {&metadata, 1}, row);
  EXPECT_EQ(row, (std::vector<std::uint32_t>{a, 1, 2, a, 3, a, a, 4}));
  metadata = 0b1100;
  spread_sparse_row(SparsityPattern::pairs_of_two_four, stored, {&metadata, 1}, row);
  EXPECT_EQ(row, (std::vector<std::uint32_t>{1, 2, a, a, a, a, 3, 4}));
  // A group of zeros may name one place twice; its second element must not be lost.
  metadata = 0b0101'0100;
  const std::vector<std::uint32_t> zeros{1, 2, 3, 0};
  spread_sparse_row(SparsityPattern::two_of_four, zeros, {&metadata, 1}, row);
  EXPECT_EQ(row, (std::vector<std::uint32_t>{1, 2, a, a, a, 3, a, a}));
  EXPECT_NE(refusal([&] {
              spread_sparse_row(SparsityPattern::two_of_four, stored, {&metadata, 1}, row);
            }).find("differ"),
            std::string::npos);
  EXPECT_NE(refusal([&] {
              spread_sparse_row(SparsityPattern::one_of_two, stored, {&metadata, 1}, row);
            }).find("0b1110"),
            std::string::npos);
}

}  // namespace
}  // namespace rackproof::emulator::tensor

/// Matrix units of Hopper and Blackwell, bit for bit: the definition against vectors of an
/// independent model, the fast path against the definition on every set of vector instructions.

#include "emulator/tensor/matrix_unit.hpp"
#include "emulator/tensor/unit_tile.hpp"
#include "tests/emulator/tensor/vector_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace rackproof::emulator::tensor {
namespace {

struct UnitFile {
  const char* name;
  MatrixUnit unit;
};
void PrintTo(const UnitFile& file, std::ostream* out) {
  *out << file.name;
}

constexpr MatrixUnit floating(UnitKind kind, Format format, std::size_t k,
                              Accumulator accumulator = Accumulator::f32) {
  return {.kind = kind,
          .format_a = format,
          .format_b = format,
          .accumulator = accumulator,
          .k = k,
          .scale_block = k};
}
constexpr MatrixUnit fp4(UnitKind kind, ScaleFormat scale, std::size_t block, std::size_t k = 64) {
  return {.kind = kind,
          .format_a = Format::e2m1,
          .format_b = Format::e2m1,
          .k = k,
          .scale_format = scale,
          .scale_block = block};
}

constexpr auto kF16Sum = Accumulator::f16;
constexpr UnitFile kFiles[] = {
    {"wgmma_sm90a_m64n8k16_f16_f32", floating(UnitKind::wgmma, Format::f16, 16)},
    {"wgmma_sm90a_m64n8k16_f16_f16", floating(UnitKind::wgmma, Format::f16, 16, kF16Sum)},
    {"wgmma_sm90a_m64n8k16_bf16_f32", floating(UnitKind::wgmma, Format::bf16, 16)},
    {"wgmma_sm90a_m64n8k8_tf32_f32", floating(UnitKind::wgmma, Format::tf32, 8)},
    {"wgmma_sm90a_m64n8k32_e4m3_f32", floating(UnitKind::wgmma, Format::e4m3, 32)},
    {"wgmma_sm90a_m64n8k32_e4m3_f16", floating(UnitKind::wgmma, Format::e4m3, 32, kF16Sum)},
    {"wgmma_sm90a_m64n8k32_e5m2_f32", floating(UnitKind::wgmma, Format::e5m2, 32)},
    {"wgmma_sm90a_m64n8k32_e5m2_f16", floating(UnitKind::wgmma, Format::e5m2, 32, kF16Sum)},
    {"tcgen05_f16_k16_f16_f32", floating(UnitKind::f16, Format::f16, 16)},
    {"tcgen05_f16_k16_f16_f16", floating(UnitKind::f16, Format::f16, 16, kF16Sum)},
    {"tcgen05_f16_k16_bf16_f32", floating(UnitKind::f16, Format::bf16, 16)},
    {"tcgen05_tf32_k8_tf32_f32", floating(UnitKind::tf32, Format::tf32, 8)},
    {"tcgen05_f8f6f4_k32_e4m3_f32", floating(UnitKind::f8f6f4, Format::e4m3, 32)},
    {"tcgen05_f8f6f4_k32_e4m3_f16", floating(UnitKind::f8f6f4, Format::e4m3, 32, kF16Sum)},
    {"tcgen05_f8f6f4_k32_e5m2_f32", floating(UnitKind::f8f6f4, Format::e5m2, 32)},
    {"tcgen05_f8f6f4_k32_e5m2_f16", floating(UnitKind::f8f6f4, Format::e5m2, 32, kF16Sum)},
    {"tcgen05_mxf8f6f4_k32_block32_ue8m0_e4m3_f32", floating(UnitKind::mxf8f6f4, Format::e4m3, 32)},
    {"tcgen05_mxf8f6f4_k32_block32_ue8m0_e5m2_f32", floating(UnitKind::mxf8f6f4, Format::e5m2, 32)},
    {"tcgen05_mxf4nvf4_k64_block32_ue8m0_e2m1_f32",
     fp4(UnitKind::mxf4nvf4, ScaleFormat::ue8m0, 32)},
    {"tcgen05_mxf4nvf4_k64_block16_ue8m0_e2m1_f32",
     fp4(UnitKind::mxf4nvf4, ScaleFormat::ue8m0, 16)},
    {"tcgen05_mxf4nvf4_k64_block16_ue4m3_e2m1_f32",
     fp4(UnitKind::mxf4nvf4, ScaleFormat::ue4m3, 16)},
};

std::vector<VectorPath> paths() {
  std::vector<VectorPath> all{VectorPath::portable, VectorPath::avx512};
  std::erase_if(all, [](VectorPath path) { return !vector_path_available(path); });
  return all;
}

/// Every element of D, by the definition and by each path.
void expect_paths_equal(const MatrixUnit& unit, const OperandCodes& a, const OperandCodes& b,
                        const std::vector<std::uint32_t>& c, const std::string& what) {
  const std::size_t words = a.codes.size() / a.lines;
  std::vector<std::uint32_t> expected(c.size());
  for (std::size_t i = 0; i < c.size(); ++i) {
    const std::size_t m = i / b.lines;
    const std::size_t n = i % b.lines;
    expected[i] = multiply_element(unit, &a.codes[m * words], &b.codes[n * words],
                                   a.scales.data() + m * unit.scales(),
                                   b.scales.data() + n * unit.scales(), c[i]);
  }
  const PreparedOperand prepared_a(unit, PreparedOperand::Role::a, a);
  const PreparedOperand prepared_b(unit, PreparedOperand::Role::b, b);
  constexpr std::size_t kGuard = 3;
  const std::size_t stride = b.lines + kGuard;
  for (const VectorPath path : paths()) {
    std::vector<std::uint32_t> d(a.lines * stride, 0x5eed);
    for (std::size_t i = 0; i < c.size(); ++i) {
      d[i / b.lines * stride + i % b.lines] = c[i];
    }
    multiply_accumulate_on(path, unit, prepared_a, prepared_b, d.data(), stride);
    for (std::size_t m = 0; m < a.lines; ++m) {
      for (std::size_t n = 0; n < stride; ++n) {
        const std::uint32_t wanted = n < b.lines ? expected[m * b.lines + n] : 0x5eedU;
        ASSERT_EQ(d[m * stride + n], wanted)
            << what << ", path " << static_cast<int>(path) << ", element " << m << ", " << n;
      }
    }
  }
}

class UnitVectors : public testing::TestWithParam<UnitFile> {};

TEST_P(UnitVectors, DefinitionIsBitEqual) {
  const MatrixUnit& unit = GetParam().unit;
  const std::vector<Case> cases = read_cases(GetParam().name);
  ASSERT_GE(cases.size(), 150U);
  for (const Case& one : cases) {
    ASSERT_EQ(one.a.size(), unit.k);
    ASSERT_EQ(one.scales_a.size(), unit.scales());
    EXPECT_EQ(multiply_element(unit, one.a.data(), one.b.data(), one.scales_a.data(),
                               one.scales_b.data(), one.c),
              one.d)
        << one.line;
  }
}

// Cases side by side: their own elements sit on the diagonal; the others mix rows and columns.
TEST_P(UnitVectors, FastPathsAreBitEqual) {
  const MatrixUnit& unit = GetParam().unit;
  const std::vector<Case> cases = read_cases(GetParam().name);
  constexpr std::size_t kSide = 24;
  for (std::size_t first = 0; first + kSide <= cases.size(); first += kSide) {
    OperandCodes a{.lines = kSide, .codes = {}, .scales = {}};
    OperandCodes b = a;
    std::vector<std::uint32_t> c(kSide * kSide);
    for (std::size_t i = 0; i < kSide; ++i) {
      const Case& one = cases[first + i];
      a.codes.insert(a.codes.end(), one.a.begin(), one.a.end());
      b.codes.insert(b.codes.end(), one.b.begin(), one.b.end());
      a.scales.insert(a.scales.end(), one.scales_a.begin(), one.scales_a.end());
      b.scales.insert(b.scales.end(), one.scales_b.begin(), one.scales_b.end());
      for (std::size_t j = 0; j < kSide; ++j) {
        c[i * kSide + j] = cases[first + std::max(i, j)].c;
      }
    }
    expect_paths_equal(unit, a, b, c, GetParam().name);
  }
}

INSTANTIATE_TEST_SUITE_P(All, UnitVectors, testing::ValuesIn(kFiles),
                         [](const auto& instance) { return std::string(instance.param.name); });

/// How bits of operands are drawn.
enum class Draw { bits, near_one, spread, zeros };

class Codes {
 public:
  explicit Codes(unsigned seed) : engine_(seed) {}

  OperandCodes operand(const MatrixUnit& unit, Format format, std::size_t lines, Draw draw,
                       bool sparse) {
    OperandCodes out{.lines = lines, .codes = {}, .scales = {}};
    const std::size_t words = unit.kind == UnitKind::wgmma_bits ? unit.k / 32 : unit.k;
    const FormatFacts& form = facts(format);
    const int bits = unit.kind == UnitKind::wgmma_bits ? 32
                     : unit.integer()                  ? 8
                                      : 1 + form.exponent_bits + form.fraction_bits;
    const bool plain = unit.integer() || unit.kind == UnitKind::wgmma_bits;
    for (std::size_t line = 0; line < lines; ++line) {
      const std::uint32_t centre = draw == Draw::spread && form.exponent_bits == 8
                                       ? 40 + random_() % 170
                                       : static_cast<std::uint32_t>(form.bias);
      for (std::size_t k = 0; k < words; ++k) {
        std::uint32_t code = random_() & static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1);
        if (!plain && draw != Draw::bits) {
          const std::uint32_t spread = draw == Draw::spread ? 12 : 4;
          const std::uint32_t biased =
              std::min(centre + random_() % spread,
                       (1U << form.exponent_bits) - (form.exponent_bits > 3 ? 2U : 1U));
          const std::uint32_t mask = (1U << form.exponent_bits) - 1;
          code = (code & ~(mask << form.fraction_bits)) | biased << form.fraction_bits;
        }
        if (draw == Draw::zeros && (line % 3 == 0 || random_() % 2 == 0)) {
          code = 0;
        }
        code <<= plain ? 0 : form.ignored_bits;
        // Two of four present.
        out.codes.push_back(sparse && (k + line) % 4 < 2 ? kAbsentElement : code);
      }
    }
    for (std::size_t i = 0; i < lines * unit.scales(); ++i) {
      const std::uint32_t narrow = 0x38 + random_() % 8;
      out.scales.push_back(static_cast<std::uint8_t>(draw == Draw::bits ? random_()
                                                     : unit.scale_format == ScaleFormat::ue8m0
                                                         ? 120 + random_() % 16
                                                         : narrow));
    }
    return out;
  }
  std::vector<std::uint32_t> addends(const MatrixUnit& unit, std::size_t count, Draw draw) {
    std::vector<std::uint32_t> c(count);
    const bool half = !unit.integer() && unit.accumulator == Accumulator::f16;
    for (std::uint32_t& code : c) {
      code = half ? random_() & 0xffff : random_();
      if (draw == Draw::near_one) {
        code = half ? (code & 0x83ff) | 0x3c00 : (code & 0x807fffff) | 0x3f800000;
      } else if (draw == Draw::zeros) {
        code = random_() % 2 == 0 ? code : 0;
      }
    }
    return c;
  }

 private:
  std::uint32_t random_() { return static_cast<std::uint32_t>(engine_()); }
  std::mt19937 engine_;
};

std::vector<MatrixUnit> all_units() {
  std::vector<MatrixUnit> units;
  for (const UnitFile& file : kFiles) {
    units.push_back(file.unit);
  }
  // Mixed and narrow formats of f8f6f4, with and without scales.
  constexpr Format kNarrow[] = {Format::e4m3, Format::e5m2, Format::e2m3, Format::e3m2,
                                Format::e2m1};
  for (std::size_t i = 0; i < std::size(kNarrow); ++i) {
    MatrixUnit unit = floating(i % 2 == 0 ? UnitKind::f8f6f4 : UnitKind::mxf8f6f4, kNarrow[i], 32);
    unit.format_b = kNarrow[(i + 2) % std::size(kNarrow)];
    units.push_back(unit);
  }
  units.push_back(fp4(UnitKind::mxf4nvf4, ScaleFormat::ue4m3, 16, 96));
  units.push_back(fp4(UnitKind::mxf4, ScaleFormat::ue8m0, 32, 96));
  units.push_back(fp4(UnitKind::mxf4nvf4, ScaleFormat::ue4m3, 32, 128));
  units.push_back(fp4(UnitKind::mxf4, ScaleFormat::ue8m0, 64, 128));
  units.push_back({.kind = UnitKind::wgmma_bits, .k = 256});
  for (const UnitKind kind : {UnitKind::i8, UnitKind::wgmma_integer}) {
    for (const bool saturate : {false, true}) {
      units.push_back({.kind = kind,
                       .signed_a = saturate,
                       .signed_b = kind == UnitKind::i8,
                       .saturate = saturate,
                       .k = 32});
    }
  }
  // Modifiers, and sparse forms of twice the K.
  for (const UnitKind kind : {UnitKind::f16, UnitKind::tf32, UnitKind::f8f6f4, UnitKind::i8}) {
    MatrixUnit unit = floating(kind,
                               kind == UnitKind::f16    ? Format::bf16
                               : kind == UnitKind::tf32 ? Format::tf32
                                                        : Format::e4m3,
                               kind == UnitKind::f16    ? 32
                               : kind == UnitKind::tf32 ? 16
                                                        : 64);
    unit.negate_a = true;
    unit.input_shift = kind == UnitKind::f16 || kind == UnitKind::tf32 ? 3 : 0;
    units.push_back(unit);
  }
  MatrixUnit shifted = floating(UnitKind::f16, Format::f16, 16, kF16Sum);
  shifted.input_shift = 15;
  shifted.negate_b = true;
  units.push_back(shifted);
  return units;
}

TEST(UnitTile, EqualsTheDefinitionOnRandomOperands) {
  Codes codes(11);
  for (const MatrixUnit& unit : all_units()) {
    const bool sparse = unit.k == 128 || (unit.k == 64 && !sums_groups(unit)) ||
                        (unit.kind == UnitKind::f16 && unit.k == 32) ||
                        (unit.kind == UnitKind::tf32 && unit.k == 16);
    for (const Draw draw : {Draw::bits, Draw::near_one, Draw::spread, Draw::zeros}) {
      constexpr std::size_t kRows = 9;
      constexpr std::size_t kColumns = 24;
      const OperandCodes a = codes.operand(unit, unit.format_a, kRows, draw, sparse);
      const OperandCodes b = codes.operand(unit, unit.format_b, kColumns, draw, false);
      expect_paths_equal(unit, a, b, codes.addends(unit, kRows * kColumns, draw),
                         "kind " + std::to_string(static_cast<int>(unit.kind)) + ", k " +
                             std::to_string(unit.k) + ", draw " +
                             std::to_string(static_cast<int>(draw)));
    }
  }
}

// By hand: 32 x 127 x 127 once in range and once past the end of s32.
TEST(UnitElement, IntegersWrapOrSaturate) {
  MatrixUnit unit{.kind = UnitKind::i8, .k = 32};
  const std::vector<std::uint32_t> a(32, 127);
  const std::vector<std::uint32_t> b(32, 127);
  const auto run = [&](std::uint32_t c) {
    return multiply_element(unit, a.data(), b.data(), nullptr, nullptr, c);
  };
  EXPECT_EQ(run(0), 516128U);
  EXPECT_EQ(run(0x7fffffff), 0x7fffffffU + 516128U);
  unit.saturate = true;
  EXPECT_EQ(run(0x7fffffff), 0x7fffffffU);
}

// Elements that sparsity leaves out have no product: an infinity of B against them is not seen.
TEST(UnitElement, AbsentElementsHaveNoProduct) {
  const MatrixUnit unit = floating(UnitKind::f16, Format::bf16, 32);
  std::vector<std::uint32_t> a(32, kAbsentElement);
  std::vector<std::uint32_t> b(32, 0x7f80);
  a[5] = 0x3f80;
  b[5] = 0x4000;
  EXPECT_EQ(multiply_element(unit, a.data(), b.data(), nullptr, nullptr, 0x3f800000), 0x40400000U);
}

// The input of D is divided before it is aligned: 2^-3 x 8 is one more than the products.
TEST(UnitElement, DividesTheInput) {
  MatrixUnit unit = floating(UnitKind::f16, Format::bf16, 16);
  unit.input_shift = 3;
  const std::vector<std::uint32_t> ones(16, 0x3f80);
  EXPECT_EQ(multiply_element(unit, ones.data(), ones.data(), nullptr, nullptr, 0x41000000),
            0x41880000U);
}

TEST(MatrixUnit, RefusesWhatNoKindHas) {
  const auto refused = [](const MatrixUnit& unit) {
    EXPECT_THROW(validate(unit), UnknownArithmetic);
  };
  refused(floating(UnitKind::f16, Format::tf32, 16));
  refused(floating(UnitKind::f16, Format::bf16, 16, kF16Sum));
  refused(floating(UnitKind::wgmma, Format::e2m1, 32));
  refused(floating(UnitKind::tf32, Format::tf32, 32));
  refused(fp4(UnitKind::mxf4nvf4, ScaleFormat::ue4m3, 48, 96));
  refused({.kind = UnitKind::wgmma_bits, .k = 512});
}

}  // namespace
}  // namespace rackproof::emulator::tensor

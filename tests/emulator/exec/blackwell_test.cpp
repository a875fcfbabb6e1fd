// The small instructions of sm_90 to sm_103: packed and mixed f32, conversions to scale factors and
// with random bits, matrix loads and stores of bytes, st.bulk. Expectations follow PTX ISA 9.0.
#include "tests/emulator/exec/instruction_harness.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

using Words = std::vector<std::uint32_t>;
using Pairs = std::vector<std::uint64_t>;

template <class D, class... In>
std::vector<D> on_blackwell(const std::string& instruction, const std::vector<In>&... inputs) {
  return evaluate<D>(instruction, 100, "sm_100a", inputs...);
}
Words halves(const Pairs& pairs, int shift) {
  Words result;
  for (const std::uint64_t pair : pairs) {
    result.push_back(static_cast<std::uint32_t>(pair >> shift));
  }
  return result;
}

TEST(Blackwell, PackedFloatsAreTwoScalars) {
  const Pairs a = patterns<std::uint64_t>(600, 1);
  const Pairs b = patterns<std::uint64_t>(600, 2);
  const Pairs c = patterns<std::uint64_t>(600, 3);
  for (const std::string op : {"add", "sub", "mul", "fma"}) {
    for (const std::string rounding : {".rn", ".rz", ".rm", ".rp", ".rn.ftz", ".rp.ftz"}) {
      const std::string addend = op == "fma" ? ", %c;" : ";";
      const Pairs packed =
          on_blackwell<std::uint64_t>(op + rounding + ".f32x2 %d, %a, %b" + addend, a, b, c);
      for (const int shift : {0, 32}) {
        const Words scalar =
            on_blackwell<std::uint32_t>(op + rounding + ".f32 %d, %a, %b" + addend,
                                        halves(a, shift), halves(b, shift), halves(c, shift));
        ASSERT_EQ(halves(packed, shift), scalar) << op << rounding << shift;
      }
    }
  }
}

TEST(Blackwell, MixedPrecisionWidensFirst) {
  const auto a = patterns<std::uint16_t>(300, 1);
  const auto b = patterns<std::uint16_t>(300, 2);
  const Words c = patterns<std::uint32_t>(300, 3);
  for (const std::string type : {"f16", "bf16"}) {
    Words wide_a;
    Words wide_b;
    for (std::size_t i = 0; i < a.size(); ++i) {
      wide_a.push_back(a[i]);
      wide_b.push_back(b[i]);
    }
    wide_a =
        on_blackwell<std::uint32_t>("cvt.u16.u32 %h0, %a; cvt.f32." + type + " %d, %h0;", wide_a);
    wide_b =
        on_blackwell<std::uint32_t>("cvt.u16.u32 %h0, %a; cvt.f32." + type + " %d, %h0;", wide_b);
    EXPECT_EQ(on_blackwell<std::uint32_t>("fma.rz.f32." + type + " %d, %a, %b, %c;", a, b, c),
              on_blackwell<std::uint32_t>("fma.rz.f32 %d, %a, %b, %c;", wide_a, wide_b, c));
    EXPECT_EQ(on_blackwell<std::uint32_t>("sub.rp.f32." + type + " %d, %a, %c;", a, b, c),
              on_blackwell<std::uint32_t>("sub.rp.f32 %d, %a, %c;", wide_a, wide_b, c));
  }
}

TEST(Blackwell, FactorsFromOutsideATensorAreZero) {
  const std::vector<std::uint16_t> a = {0x3c00, 0x7fff, 0x3c00, 0x7e00};
  const std::vector<std::uint16_t> b = {0x4000, 0x4000, 0x7fff, 0x4000};
  const std::vector<std::uint16_t> c = {0x3c00, 0x3c00, 0x3c00, 0x3c00};
  EXPECT_EQ(evaluate<std::uint16_t>("fma.rn.oob.f16 %d, %a, %b, %c;", 90, "sm_90", a, b, c),
            (std::vector<std::uint16_t>{0x4200, 0, 0, 0x7fff}));
}

TEST(Blackwell, PowersOfTwo) {
  Words a = patterns<std::uint32_t>(900, 1);
  for (const float edge : {0.0F, 1.0F, 1.5F, 2.0F, 0x1p-127F, 0x1.8p-127F, 0x1p-126F, 0x1.8p127F,
                           0x1p-149F, -4.5F, INFINITY}) {
    a.push_back(std::bit_cast<std::uint32_t>(edge));
  }
  const Words zero(a.size(), 0);
  for (const bool up : {false, true}) {
    for (const bool finite : {false, true}) {
      const std::string op =
          std::string("cvt.") + (up ? "rp" : "rz") + (finite ? ".satfinite" : "");
      const Words got = on_blackwell<std::uint32_t>(
          op + ".ue8m0x2.f32 %h0, %a, %b; cvt.u32.u16 %d, %h0;", a, zero);
      for (std::size_t i = 0; i < a.size(); ++i) {
        const double x = std::fabs(static_cast<double>(std::bit_cast<float>(a[i])));
        std::uint32_t code = 0xff;
        if (x == x) {
          code = 0;
          while (code < 255 && (up ? std::ldexp(1.0, static_cast<int>(code) - 127) < x
                                   : std::ldexp(1.0, static_cast<int>(code) - 126) <= x)) {
            ++code;
          }
          code = finite && code == 255 ? 254 : code;
        }
        ASSERT_EQ(got[i], code << 8) << op << std::hex << ' ' << a[i];
      }
    }
  }
  Words codes(256);
  std::iota(codes.begin(), codes.end(), 0U);
  const Words values =
      on_blackwell<std::uint32_t>("cvt.u16.u32 %h0, %a; cvt.rn.bf16x2.ue8m0x2 %d, %h0;", codes);
  for (std::uint32_t code = 0; code < 255; ++code) {
    const float value = std::bit_cast<float>(values[code] << 16);
    ASSERT_EQ(value, std::ldexp(1.0F, static_cast<int>(code) - 127)) << code;
  }
  EXPECT_EQ(values[255], 0x00407fffU);
}

// Rounds up where the part cut off and the random bits carry: in double, one value at a time.
double rounded(double x, double random, int fraction_bits, int least_exponent, double largest) {
  const double magnitude = std::fabs(x);
  const int exponent =
      magnitude == 0 ? least_exponent : std::max(std::ilogb(magnitude), least_exponent);
  const double quantum = std::ldexp(1.0, exponent - fraction_bits);
  const double steps = magnitude / quantum;
  const double kept = std::floor(steps) + (steps - std::floor(steps) + random >= 1 ? 1 : 0);
  return std::copysign(std::min(kept * quantum, largest), x);
}

TEST(Blackwell, RandomBitsRound) {
  Words a = patterns<std::uint32_t>(600, 1);
  Words b = patterns<std::uint32_t>(600, 2);
  const Words random = patterns<std::uint32_t>(600, 3);
  for (Words* each : {&a, &b}) {
    for (std::uint32_t& bits : *each) {
      bits = (bits & 0x8fffffffU) | ((bits & 1U) != 0 ? 0x30000000U : 0x40000000U);
    }
  }
  const Words half =
      on_blackwell<std::uint32_t>("cvt.rs.satfinite.f16x2.f32 %d, %a, %b, %c;", a, b, random);
  const Words brain =
      on_blackwell<std::uint32_t>("cvt.rs.bf16x2.f32 %d, %a, %b, %c;", a, b, random);
  const Words codes = on_blackwell<std::uint32_t>(
      "cvt.rs.satfinite.e4m3x4.f32 %d, {%a, %b, %b, %a}, %c;", a, b, random);
  const Words low =
      on_blackwell<std::uint32_t>("cvt.u16.u32 %h0, %a; cvt.rn.f16x2.e4m3x2 %d, %h0;", codes);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(std::bit_cast<float>(a[i]));
    ASSERT_EQ(brain[i],
              ((a[i] + (random[i] >> 16)) & 0xffff0000U) | (b[i] + (random[i] & 0xffff)) >> 16);
    const auto got = [](std::uint32_t code) {
      const double magnitude =
          (code & 0x7c00) == 0
              ? std::ldexp(code & 0x3ff, -24)
              : std::ldexp(0x400 | (code & 0x3ff), static_cast<int>(code >> 10 & 0x1f) - 25);
      return (code & 0x8000) != 0 ? -magnitude : magnitude;
    };
    ASSERT_EQ(got(half[i] >> 16),
              rounded(x, std::ldexp(random[i] >> 16 & 0x1fff, -13), 10, -14, 65504))
        << i;
    ASSERT_EQ(got(low[i] & 0xffff), rounded(x, std::ldexp(random[i] & 0xffff, -16), 3, -6, 448))
        << i;
  }
}

// Thread t stores its word, all read what `load` makes of the 16-byte rows in shared memory.
Words through_shared(const std::string& text, std::size_t words_out) {
  KernelRunner runner(
      header("sm_100a") +
          ".visible .entry k(.param .u64 out)\n{\n.reg .b32 %r<20>;\n.reg .b64 %x<4>;\n.reg .pred "
          "%p<2>;\n"
          ".shared .align 16 .b8 rows[512];\nmov.u32 %r0, %tid.x;\nmov.u32 %r1, rows;\n"
          "shl.b32 %r2, %r0, 4;\nadd.u32 %r2, %r1, %r2;\n" +
          text +
          "ld.param.u64 %x0, [out];\nmul.wide.u32 %x1, %r0, 16;\nadd.u64 %x0, %x0, %x1;\n"
          "st.global.v4.b32 [%x0], {%r10, %r11, %r12, %r13};\nret;\n}\n",
      100);
  Buffer out(runner.addresses(), 512);
  const Outcome outcome = runner.run("k", out.address());
  EXPECT_EQ(outcome.state, GridState::finished) << (outcome.fault ? outcome.fault->message : "");
  return Words(out.as<std::uint32_t>(), out.as<std::uint32_t>() + words_out);
}
// Byte i of row t is 16 t + i, modulo 256.
const std::string kNumberedRows =
    "and.b32 %r3, %r0, 15;\n"
    "mul.lo.u32 %r3, %r3, 0x10101010;\nadd.u32 %r10, %r3, 0x03020100;\nadd.u32 %r11, %r3, "
    "0x07060504;\n"
    "add.u32 %r12, %r3, 0x0b0a0908;\nadd.u32 %r13, %r3, 0x0f0e0d0c;\n"
    "st.shared.v4.b32 [%r2], {%r10, %r11, %r12, %r13};\nbar.warp.sync -1;\n";

TEST(Blackwell, BytesOfMatricesAreTransposed) {
  const Words got = through_shared(
      kNumberedRows +
          "ldmatrix.sync.aligned.m16n16.x2.trans.shared.b8 {%r10, %r11, %r12, %r13}, [%r2];\n",
      128);
  for (std::uint32_t t = 0; t < 32; ++t) {
    for (std::uint32_t byte = 0; byte < 16; ++byte) {
      const std::uint32_t reg = byte / 4 % 2;  // the second matrix holds the same numbers
      const std::uint32_t row = t % 4 * 4 + byte % 4;
      ASSERT_EQ(got[4 * t + byte / 4] >> (byte % 4 * 8) & 0xff, 16 * row + t / 4 + 8 * reg) << t;
    }
  }
}

TEST(Blackwell, NarrowElementsBecomeBytes) {
  for (const std::uint32_t bits : {6U, 4U}) {
    const std::string format = bits == 6 ? "b6x16_p32" : "b4x16_p64";
    const Words got =
        through_shared(kNumberedRows + "ldmatrix.sync.aligned.m8n16.x4.shared.b8x16." + format +
                           " {%r10, %r11, %r12, %r13}, [%r2];\n",
                       128);
    for (std::uint32_t t = 0; t < 32; ++t) {
      for (std::uint32_t k = 0; k < 4; ++k) {
        const std::uint32_t row = t / 4;
        const std::uint32_t bit = (t % 4 * 4 + k) * bits;
        std::uint32_t element = 0;
        for (std::uint32_t i = 0; i < bits; ++i) {
          const std::uint32_t byte = 16 * row + (bit + i) / 8;
          element |= (byte >> ((bit + i) % 8) & 1) << i;
        }
        ASSERT_EQ(got[4 * t] >> (8 * k) & 0xff, element) << format << t;
      }
    }
  }
}

TEST(Blackwell, StoredBytesComeBack) {
  // Register j of thread t holds bytes 4 t + 128 j to + 3, modulo 256.
  const Words got = through_shared(
      "shl.b32 %r3, %r0, 2;\nmul.lo.u32 %r3, %r3, 0x01010101;\nadd.u32 %r10, %r3, 0x03020100;\n"
      "xor.b32 %r11, %r10, 0x80808080;\n"
      "stmatrix.sync.aligned.m16n8.x2.trans.shared.b8 [%r2], {%r10, %r11};\nbar.warp.sync -1;\n"
      "and.b32 %r4, %r0, 15;\nshl.b32 %r4, %r4, 4;\nadd.u32 %r4, %r4, %r1;\n"
      "ld.shared.v4.b32 {%r10, %r11, %r12, %r13}, [%r4];\n",
      64);
  for (std::uint32_t row = 0; row < 16; ++row) {
    for (std::uint32_t column = 0; column < 16; ++column) {
      // Element (column, row % 8) of a 16 x 8 matrix, as an accumulator of mma.m16n8 holds it.
      const std::uint32_t thread = column % 8 * 4 + row % 8 / 2;
      const std::uint32_t element = column / 8 * 2 + row % 2;
      ASSERT_EQ(got[4 * row + column / 4] >> (column % 4 * 8) & 0xff,
                (4 * thread + element) ^ (row < 8 ? 0U : 0x80U))
          << row << ' ' << column;
    }
  }
}

TEST(Blackwell, BulkStoresFillWithZeros) {
  const Words got =
      through_shared(kNumberedRows +
                         "setp.eq.u32 %p0, %r0, 0;\nadd.u32 %r5, %r1, 8;\nmov.b64 %x2, 24;\n"
                         "@%p0 st.bulk.weak.shared::cta [%r5], %x2, 0;\nbar.warp.sync -1;\n"
                         "ld.shared.v4.b32 {%r10, %r11, %r12, %r13}, [%r2];\n",
                     16);
  EXPECT_EQ(got[1], 0x07060504U);
  for (std::size_t i = 2; i < 8; ++i) {
    EXPECT_EQ(got[i], 0U);
  }
  EXPECT_EQ(got[8], 0x23222120U);
}

// Two warps of 64 registers: one gives 24 back, the other asks for 24 more, or for 32.
TEST(Blackwell, RegistersMoveBetweenWarps) {
  for (const std::string wanted : {"88", "96"}) {
    KernelRunner runner(
        header("sm_90a") +
            ".visible .entry k()\n.maxntid 64\n.maxnreg 64\n{\n.reg .b32 %r<2>;\n.reg .pred "
            "%p;\nmov.u32 %r0, %tid.x;\nsetp.lt.u32 %p, %r0, 32;\n@%p bra GIVE;\n"
            "setmaxnreg.inc.sync.aligned.u32 " +
            wanted + ";\nret;\nGIVE:\nsetmaxnreg.dec.sync.aligned.u32 40;\nret;\n}\n",
        90);
    runner.config().block = {64, 1, 1};
    const Outcome outcome = runner.run("k");
    if (wanted == "88") {
      EXPECT_EQ(outcome.state, GridState::finished);
    } else {
      ASSERT_TRUE(outcome.fault.has_value());
      EXPECT_EQ(outcome.fault->kind, Fault::Kind::deadlock);
      EXPECT_NE(outcome.fault->message.find("setmaxnreg"), std::string::npos)
          << outcome.fault->message;
    }
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

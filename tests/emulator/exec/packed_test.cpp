// Packed and wide operands: video instructions, cvt.pack, 128-bit registers, vector moves, vector
// atomics, lop3 with a predicate. Expectations follow the pseudocode of PTX ISA 9.0, by section.
#include "tests/emulator/exec/instruction_harness.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

using Words = std::vector<std::uint32_t>;

struct Inputs {
  Words a = patterns<std::uint32_t>(700, 1);
  Words b = patterns<std::uint32_t>(700, 2);
  Words c = patterns<std::uint32_t>(700, 3);
};

std::int64_t extend(std::uint32_t code, int bits, bool is_signed) {
  const auto value = static_cast<std::int64_t>(code & ((std::uint64_t{1} << bits) - 1));
  return is_signed && (value >> (bits - 1)) != 0 ? value - (std::int64_t{1} << bits) : value;
}
std::int64_t limited(std::int64_t value, int bits, bool is_signed) {
  const std::int64_t low = is_signed ? -(std::int64_t{1} << (bits - 1)) : 0;
  return std::clamp(value, low, low + (std::int64_t{1} << bits) - 1);
}
std::int64_t apply(const std::string& op, std::int64_t x, std::int64_t y) {
  return op == "vadd"       ? x + y
         : op == "vsub"     ? x - y
         : op == "vabsdiff" ? std::llabs(x - y)
         : op == "vmin"     ? std::min(x, y)
         : op == "vmax"     ? std::max(x, y)
         : x + y >= 0       ? (x + y + 1) >> 1
                            : (x + y) >> 1;
}

// 9.7.18.1: the whole words or one part of each, saturated, then merged or combined with c.
TEST(Video, ScalarForms) {
  const Inputs in;
  for (const std::string op : {"vadd", "vsub", "vabsdiff", "vmin", "vmax"}) {
    for (const std::string types : {"s32.s32.s32", "u32.u32.u32", "s32.u32.s32", "u32.s32.u32"}) {
      const bool signed_d = types[0] == 's';
      const bool signed_a = types[4] == 's';
      const bool signed_b = types[8] == 's';
      const auto whole = evaluate<std::uint32_t>(op + "." + types + ".sat %d, %a, %b;", in.a, in.b);
      const auto sum = evaluate<std::uint32_t>(op + "." + types + ".add %d, %a.b3, %b.h1, %c;",
                                               in.a, in.b, in.c);
      const auto least =
          evaluate<std::uint32_t>(op + "." + types + ".min %d, %a, %b.b1, %c;", in.a, in.b, in.c);
      const auto merged = evaluate<std::uint32_t>(
          op + "." + types + ".sat %d.b2, %a.h0, %b.b0, %c;", in.a, in.b, in.c);
      for (std::size_t i = 0; i < in.a.size(); ++i) {
        ASSERT_EQ(whole[i],
                  static_cast<std::uint32_t>(limited(
                      apply(op, extend(in.a[i], 32, signed_a), extend(in.b[i], 32, signed_b)), 32,
                      signed_d)))
            << op << types << ' ' << i;
        ASSERT_EQ(sum[i], static_cast<std::uint32_t>(apply(op, extend(in.a[i] >> 24, 8, signed_a),
                                                           extend(in.b[i] >> 16, 16, signed_b))) +
                              in.c[i]);
        const auto plain = static_cast<std::uint32_t>(
            apply(op, extend(in.a[i], 32, signed_a), extend(in.b[i] >> 8, 8, signed_b)));
        const bool less =
            signed_d ? static_cast<std::int32_t>(plain) < static_cast<std::int32_t>(in.c[i])
                     : plain < in.c[i];
        ASSERT_EQ(least[i], less ? plain : in.c[i]);
        const auto part = static_cast<std::uint32_t>(limited(
            apply(op, extend(in.a[i], 16, signed_a), extend(in.b[i], 8, signed_b)), 8, signed_d));
        ASSERT_EQ(merged[i], (in.c[i] & 0xff00ffffU) | (part & 0xff) << 16);
      }
    }
  }
}

TEST(Video, ShiftsMultiplyAndCompare) {
  const Inputs in;
  const auto left = evaluate<std::uint32_t>("vshl.u32.u32.u32.clamp %d, %a, %b;", in.a, in.b);
  const auto right = evaluate<std::uint32_t>("vshr.s32.s32.u32.wrap %d, %a, %b;", in.a, in.b);
  const auto mad =
      evaluate<std::uint32_t>("vmad.s32.s32.s32.shr7 %d, %a.h1, %b.h0, %c;", in.a, in.b, in.c);
  const auto saturated =
      evaluate<std::uint32_t>("vmad.u32.u32.u32.sat.shr15 %d, %a, %b, %c;", in.a, in.b, in.c);
  const auto less = evaluate<std::uint32_t>("vset.s32.u32.lt %d, %a, %b;", in.a, in.b);
  for (std::size_t i = 0; i < in.a.size(); ++i) {
    const std::uint32_t amount = std::min(in.b[i], 32U);
    ASSERT_EQ(left[i], amount == 32 ? 0 : in.a[i] << amount);
    ASSERT_EQ(right[i],
              static_cast<std::uint32_t>(static_cast<std::int32_t>(in.a[i]) >> (in.b[i] & 31)));
    const std::int64_t product =
        extend(in.a[i] >> 16, 16, true) * extend(in.b[i], 16, true) + extend(in.c[i], 32, true);
    ASSERT_EQ(mad[i], static_cast<std::uint32_t>(product >> 7));
    const unsigned __int128 wide = static_cast<unsigned __int128>(in.a[i]) * in.b[i] + in.c[i];
    const auto scaled = static_cast<std::uint64_t>(wide >> 15);
    ASSERT_EQ(saturated[i], std::min<std::uint64_t>(scaled, 0xffffffffU));
    ASSERT_EQ(less[i], extend(in.a[i], 32, true) < extend(in.b[i], 32, false) ? 1U : 0U);
  }
}

// 9.7.18.2 and 9.7.18.3: two halves or four bytes.
TEST(Video, PackedForms) {
  const Inputs in;
  for (const int bits : {16, 8}) {
    for (const std::string op : {"vadd", "vsub", "vabsdiff", "vmin", "vmax", "vavrg"}) {
      for (const bool is_signed : {false, true}) {
        const std::string name =
            op + (bits == 16 ? "2" : "4") + (is_signed ? ".s32.s32.s32" : ".u32.u32.u32");
        const auto plain = evaluate<std::uint32_t>(name + " %d, %a, %b, %c;", in.a, in.b, in.c);
        const auto bounded =
            evaluate<std::uint32_t>(name + ".sat %d, %a, %b, %c;", in.a, in.b, in.c);
        const auto sum = evaluate<std::uint32_t>(name + ".add %d, %a, %b, %c;", in.a, in.b, in.c);
        for (std::size_t i = 0; i < in.a.size(); ++i) {
          std::uint32_t wrapped = 0;
          std::uint32_t clamped = 0;
          std::uint32_t total = in.c[i];
          for (int at = 0; at < 32; at += bits) {
            const std::int64_t value = apply(op, extend(in.a[i] >> at, bits, is_signed),
                                             extend(in.b[i] >> at, bits, is_signed));
            const auto mask = static_cast<std::uint32_t>((1 << bits) - 1);
            wrapped |= (static_cast<std::uint32_t>(value) & mask) << at;
            clamped |= (static_cast<std::uint32_t>(limited(value, bits, is_signed)) & mask) << at;
            total += static_cast<std::uint32_t>(value);
          }
          ASSERT_EQ(plain[i], wrapped) << name;
          ASSERT_EQ(bounded[i], clamped) << name;
          ASSERT_EQ(sum[i], total) << name;
        }
      }
    }
  }
}

// 9.7.9.23
TEST(ConvertPack, SaturatesAndConcatenates) {
  const Inputs in;
  const auto halves = evaluate<std::uint32_t>("cvt.pack.sat.s16.s32 %d, %a, %b;", in.a, in.b);
  const auto bytes =
      evaluate<std::uint32_t>("cvt.pack.sat.u8.s32.b32 %d, %a, %b, %c;", in.a, in.b, in.c);
  const auto nibbles =
      evaluate<std::uint32_t>("cvt.pack.sat.s4.s32.b32 %d, %a, %b, %c;", in.a, in.b, in.c);
  for (std::size_t i = 0; i < in.a.size(); ++i) {
    const auto part = [&](const Words& words, int bits, bool is_signed) {
      const std::int64_t value = static_cast<std::int32_t>(words[i]);
      return static_cast<std::uint32_t>(limited(value, bits, is_signed)) & ((1U << bits) - 1);
    };
    ASSERT_EQ(halves[i], part(in.a, 16, true) << 16 | part(in.b, 16, true));
    ASSERT_EQ(bytes[i], in.c[i] << 16 | part(in.a, 8, false) << 8 | part(in.b, 8, false));
    ASSERT_EQ(nibbles[i], in.c[i] << 8 | part(in.a, 4, true) << 4 | part(in.b, 4, true));
  }
}

// 9.7.8.6: d|p with p = (d != 0) op q; 9.7.1.9: mad24.hi.sat.
TEST(Logic, Lop3PredicateAndSaturatingMad24) {
  const Inputs in;
  const auto both = evaluate<std::uint32_t>(
      "setp.gt.u32 %q1, %c, 0x7fffffff;\nlop3.and.b32 %t1|%q0, %a, %b, %c, 0x80, %q1;\nlop3.or.b32 "
      "_|%q2, %a, %b, %c, 0x80, %q1;\nselp.u32 %t2, 1, 0, %q0;\nselp.u32 %t3, 2, 0, %q2;\nor.b32 "
      "%d, %t2, %t3;",
      in.a, in.b, in.c);
  const auto mad = evaluate<std::uint32_t>("mad24.hi.sat.s32 %d, %a, %b, %c;", in.a, in.b, in.c);
  for (std::size_t i = 0; i < in.a.size(); ++i) {
    const bool any = (in.a[i] & in.b[i] & in.c[i]) != 0;
    const bool q = in.c[i] > 0x7fffffffU;
    ASSERT_EQ(both[i], (any && q ? 1U : 0U) | (any || q ? 2U : 0U));
    const std::int64_t product = extend(in.a[i], 24, true) * extend(in.b[i], 24, true);
    ASSERT_EQ(mad[i], static_cast<std::uint32_t>(
                          limited((product >> 16) + extend(in.c[i], 32, true), 32, true)));
  }
}

struct Memory {
  explicit Memory(const std::string& body, std::uint32_t architecture = 80,
                  std::uint32_t threads = 32)
      : runner(header(architecture == 80 ? "sm_80" : "sm_90") +
                   ".visible .entry k(.param .u64 out, .param .u64 in)\n{\n.reg .b32 %i, "
                   "%r<9>;\n.reg .b16 %h<9>;\n.reg .f32 %f<9>;\n.reg .b64 %x, %in, %o, "
                   "%t<9>;\n.reg .b128 %q<9>;\n.reg .pred %p<9>;\nld.param.u64 %x, "
                   "[out];\nld.param.u64 %in, [in];\nmov.u32 %i, %tid.x;\nmul.wide.u32 %o, %i, "
                   "16;\n" +
                   body + "\nret;\n}\n",
               architecture),
        out(runner.addresses(), 4096),
        in(runner.addresses(), 4096) {
    runner.config().block = {threads, 1, 1};
    for (std::uint32_t i = 0; i < 1024; ++i) {
      in.as<std::uint32_t>()[i] = i * 2654435761U;
    }
  }
  void go() {
    const Outcome outcome = runner.run("k", out.address(), in.address());
    ASSERT_EQ(outcome.state, GridState::finished) << (outcome.fault ? outcome.fault->message : "");
  }
  KernelRunner runner;
  Buffer out;
  Buffer in;
};

TEST(WideRegisters, MoveLoadAndStoreSixteenBytes) {
  Memory run(
      "add.s64 %t1, %in, %o;\nadd.s64 %t2, %x, %o;\nld.global.b128 %q1, [%t1];\nmov.b128 %q2, "
      "%q1;\nmov.b128 {%t3, %t4}, %q2;\nmov.b128 %q3, {%t4, %t3};\nst.global.b128 [%t2], %q3;\n"
      // Vectors of registers swap without a temporary.
      "cvt.u32.u64 %r1, %t3;\ncvt.u32.u64 %r2, %t4;\nmov.v2.b32 {%r1, %r2}, {%r2, "
      "%r1};\nst.global.u32 [%t2], %r1;\nmov.v4.u32 {%r3, %r4, %r5, %r6}, %ntid;\nst.global.u32 "
      "[%t2+4], %r3;");
  run.go();
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    const auto* const from = run.in.as<std::uint32_t>() + 4 * lane;
    const auto* const to = run.out.as<std::uint32_t>() + 4 * lane;
    EXPECT_EQ(to[0], from[2]);
    EXPECT_EQ(to[1], 32U);
    EXPECT_EQ(to[2], from[0]);
    EXPECT_EQ(to[3], from[1]);
  }
}

TEST(WideRegisters, ExchangeAndCompareSixteenBytes) {
  Memory run(
      "setp.ne.u32 %p1, %i, 0;\n@%p1 ret;\nld.global.b128 %q1, [%in];\nld.global.b128 %q2, "
      "[%in+16];\nst.global.b128 [%x], %q1;\natom.global.cas.b128 %q3, [%x], %q2, "
      "%q2;\nst.global.b128 [%x+16], %q3;\natom.global.cas.b128 %q4, [%x], %q1, "
      "%q2;\natom.global.exch.b128 %q5, [%x], %q1;\nst.global.b128 [%x+32], %q5;",
      90);
  run.go();
  const auto* const in = run.in.as<std::uint32_t>();
  const auto* const out = run.out.as<std::uint32_t>();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(out[i], in[i]);          // put back by the exchange
    EXPECT_EQ(out[4 + i], in[i]);      // the first comparison failed
    EXPECT_EQ(out[8 + i], in[4 + i]);  // the second one did not
  }
}

// 9.7.13.5: each element is updated, and the old ones come back.
TEST(VectorAtomics, EveryElementOnce) {
  Memory run(
      "cvt.rn.f32.u32 %f1, %i;\nmov.f32 %f2, 0f3F800000;\natom.global.add.v2.f32 {%f3, %f4}, [%x], "
      "{%f1, %f2};\nred.global.add.v4.f32 [%x+16], {%f2, %f2, %f1, %f1};\nmov.b16 %h1, "
      "0x3c00;\nmov.b16 %h2, 0x4000;\natom.global.add.noftz.v2.f16 {%h3, _}, [%x+32], {%h1, "
      "%h2};\nmov.b32 %r1, {%h2, %h1};\nred.global.max.noftz.v2.f16x2 [%x+40], {%r1, "
      "%r1};\nadd.s64 "
      "%t1, %x, 64;\nmul.wide.u32 %t2, %i, 4;\nadd.s64 %t1, %t1, %t2;\nst.global.f32 [%t1], %f4;",
      90);
  run.go();
  const auto* const sums = run.out.as<float>();
  EXPECT_EQ(sums[0], 496);
  EXPECT_EQ(sums[1], 32);
  EXPECT_EQ(sums[4], 32);
  EXPECT_EQ(sums[7], 496);
  const auto* const halves = run.out.as<std::uint16_t>() + 16;
  EXPECT_EQ(halves[0], 0x5000);  // 32
  EXPECT_EQ(halves[1], 0x5400);  // 64
  EXPECT_EQ(halves[4], 0x4000);
  EXPECT_EQ(halves[5], 0x3c00);
  EXPECT_EQ(halves[7], 0x3c00);
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(sums[16 + lane], static_cast<float>(lane));  // lanes take effect one by one
  }
}

TEST(Cooperative, TheWorkspaceIsZeroedMemoryOfTheLaunch) {
  Memory run(
      "mov.u32 %r1, %envreg1;\nmov.u32 %r2, %envreg2;\nmov.b64 %t1, {%r2, %r1};\nsetp.eq.u64 %p1, "
      "%t1, 0;\n@%p1 ret;\natom.global.add.u32 %r3, [%t1+4], 1;\nmul.wide.u32 %t2, %i, "
      "4;\nadd.s64 %t2, %x, %t2;\nadd.u32 %r3, %r3, 7;\nst.global.u32 [%t2], %r3;");
  run.go();
  EXPECT_EQ(run.out.as<std::uint32_t>()[3], 0U);
  run.runner.config().cooperative = true;
  for (int launch = 0; launch < 2; ++launch) {
    run.go();
    EXPECT_EQ(run.out.as<std::uint32_t>()[3], 10U);
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

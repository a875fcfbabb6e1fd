// Loads, stores, state spaces, parameters, atomics, special registers.
#include "tests/emulator/exec/instruction_harness.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <numeric>
#include <set>
#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

constexpr std::uint32_t kThreads = 64;

// One thread an index; %x: in + stride * index, %y: out + stride * index, %i: index.
std::string indexed(const std::string& body, std::uint32_t stride) {
  return header("sm_90") +
         ".visible .entry k(.param .u64 out, .param .u64 in)\n{\n.reg .b32 %i, %r<9>;\n"
         ".reg .b64 %x, %y, %rd<9>;\n.reg .b16 %rs<9>;\n.reg .pred %p<4>;\n.reg .f32 %f<9>;\n"
         "ld.param.u64 %y, [out];\nld.param.u64 %x, [in];\nmov.u32 %i, %tid.x;\n"
         "mul.wide.u32 %rd8, %i, " +
         std::to_string(stride) + ";\nadd.s64 %x, %x, %rd8;\nadd.s64 %y, %y, %rd8;\n" + body +
         "\nret;\n}\n";
}

struct Case {
  explicit Case(const std::string& text, std::size_t bytes = 8192)
      : runner(text, 90), in(runner.addresses(), bytes), out(runner.addresses(), bytes) {
    runner.config().block = {kThreads, 1, 1};
    std::iota(in.as<std::uint8_t>(), in.as<std::uint8_t>() + bytes, std::uint8_t{1});
    for (std::size_t i = 0; i < bytes; ++i) {
      in.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 37 + i / 256 + 129);
    }
  }
  Outcome go() {
    const Outcome outcome = runner.run("k", out.address(), in.address());
    EXPECT_EQ(outcome.state, GridState::finished) << (outcome.fault ? outcome.fault->message : "");
    return outcome;
  }
  KernelRunner runner;
  Buffer in;
  Buffer out;
};

TEST(Memory, NarrowLoadsExtendIntoWiderRegisters) {
  Case run(indexed(
      "ld.global.s8 %r1, [%x];\nld.global.u8 %r2, [%x];\nld.global.s16 %rd1, [%x];\n"
      "ld.global.s32 %rd2, [%x];\nst.global.u32 [%y], %r1;\nst.global.u32 [%y+4], %r2;\n"
      "st.global.u64 [%y+8], %rd1;\nst.global.u64 [%y+16], %rd2;\nst.global.u8 [%y+24], %rd2;",
      32));
  run.go();
  for (std::uint32_t i = 0; i < kThreads; ++i) {
    const auto* in = run.in.as<std::uint8_t>() + 32 * i;
    const auto* out = run.out.as<std::uint8_t>() + 32 * i;
    std::int16_t half;
    std::int32_t word;
    std::memcpy(&half, in, 2);
    std::memcpy(&word, in, 4);
    const auto at32 = [out](int offset) {
      std::int32_t v;
      std::memcpy(&v, out + offset, 4);
      return v;
    };
    const auto at64 = [out](int offset) {
      std::int64_t v;
      std::memcpy(&v, out + offset, 8);
      return v;
    };
    ASSERT_EQ(at32(0), static_cast<std::int8_t>(in[0]));
    ASSERT_EQ(at32(4), in[0]);
    ASSERT_EQ(at64(8), half);
    ASSERT_EQ(at64(16), word);
    ASSERT_EQ(out[24], static_cast<std::uint8_t>(word));
  }
}

TEST(Memory, VectorsOfEveryShape) {
  const std::pair<const char*, std::uint32_t> shapes[] = {
      {"ld.global.v2.u8 {%rs1, %rs2}, [%x];\nst.global.v2.u8 [%y], {%rs2, %rs1};", 2},
      {"ld.global.v4.u16 {%rs1, %rs2, %rs3, %rs4}, [%x];\nst.global.v4.u16 [%y], {%rs4, %rs3, "
       "%rs2, %rs1};",
       8},
      {"ld.global.v2.u32 {%r1, %r2}, [%x];\nst.global.v2.u32 [%y], {%r2, %r1};", 8},
      {"ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%x];\nst.global.v4.u32 [%y], {%r4, %r3, %r2, %r1};",
       16},
      {"ld.global.v2.u64 {%rd1, %rd2}, [%x];\nst.global.v2.u64 [%y], {%rd2, %rd1};", 16},
  };
  const std::uint32_t element[] = {1, 2, 4, 4, 8};
  for (std::size_t s = 0; s < 5; ++s) {
    const auto [text, bytes] = shapes[s];
    // Once contiguous, once with a gap between the threads.
    for (const std::uint32_t stride : {bytes, 2 * bytes}) {
      Case run(indexed(text, stride));
      run.go();
      for (std::uint32_t i = 0; i < kThreads; ++i) {
        for (std::uint32_t part = 0; part < bytes; part += element[s]) {
          const auto* from = run.in.as<std::uint8_t>() + stride * i + (bytes - element[s] - part);
          ASSERT_EQ(std::memcmp(run.out.as<std::uint8_t>() + stride * i + part, from, element[s]),
                    0)
              << text;
        }
      }
    }
  }
}

TEST(Memory, CountsBytesAndSectors) {
  Case dense(indexed("ld.global.f32 %f1, [%x];\nst.global.f32 [%y], %f1;", 4));
  const auto counters = dense.go().counters;
  EXPECT_EQ(counters.global_requests, 4U);  // two warps, a load and a store each
  EXPECT_EQ(counters.global_sectors, 16U);
  EXPECT_EQ(counters.global_load_bytes, 256U);
  EXPECT_EQ(counters.global_store_bytes, 256U);
  EXPECT_EQ(counters.unique_global_bytes, 512U);
  Case sparse(indexed("ld.global.f32 %f1, [%x];\nst.global.f32 [%y], %f1;", 64));
  EXPECT_EQ(sparse.go().counters.global_sectors, 128U);
}

TEST(Memory, GenericAddressesReachEverySpace) {
  Case run(
      indexed(".shared .align 8 .b8 s[512];\n.local .align 8 .b8 l[16];\n"
              "mov.u64 %rd1, s;\ncvta.shared.u64 %rd1, %rd1;\nmul.wide.u32 %rd2, %i, 8;\nadd.s64 "
              "%rd1, %rd1, %rd2;\n"
              "mov.u64 %rd3, l;\ncvta.local.u64 %rd3, %rd3;\n"
              // Odd threads go through shared memory, even ones through local memory.
              "and.b32 %r1, %i, 1;\nsetp.eq.u32 %p1, %r1, 1;\nselp.b64 %rd4, %rd1, %rd3, %p1;\n"
              "ld.u64 %rd5, [%x];\nst.u64 [%rd4], %rd5;\nld.u64 %rd6, [%rd4];\nst.u64 [%y], %rd6;\n"
              "isspacep.shared %p2, %rd4;\nselp.u32 %r2, 1, 0, %p2;\nisspacep.global %p3, "
              "%x;\n@%p3 add.u32 %r2, %r2, 2;\n"
              "st.u32 [%y+8], %r2;",
              16));
  run.go();
  for (std::uint32_t i = 0; i < kThreads; ++i) {
    ASSERT_EQ(run.out.as<std::uint64_t>()[2 * i], run.in.as<std::uint64_t>()[2 * i]);
    ASSERT_EQ(run.out.as<std::uint32_t>()[4 * i + 2], 2 + i % 2);
  }
}

TEST(Memory, ModuleVariablesAndParameters) {
  const std::string text =
      header() +
      ".global .align 4 .u32 counter = 5;\n.const .align 4 .b8 table[8] = {1, 0, 0, 0, 2, 0, 0, "
      "0};\n"
      ".global .align 8 .u64 pointer = generic(counter);\n"
      ".visible .entry k(.param .align 8 .b8 block[24], .param .u8 small)\n{\n.reg .b32 "
      "%r<9>;\n.reg .b64 %rd<9>;\n"
      "ld.param.u64 %rd1, [block];\nld.param.v2.u32 {%r1, %r2}, [block+8];\nld.param.u8 %r3, "
      "[small];\n"
      "ld.global.u64 %rd2, [pointer];\nld.u32 %r4, [%rd2];\nld.const.u32 %r5, [table+4];\n"
      "mov.b64 %rd3, block;\nld.param.u32 %r6, [%rd3+16];\n"
      "add.u32 %r4, %r4, 1;\nst.global.u32 [counter], %r4;\n"
      "st.global.v4.u32 [%rd1], {%r1, %r2, %r3, %r4};\nst.global.v2.u32 [%rd1+16], {%r5, "
      "%r6};\nret;\n}\n";
  KernelRunner runner(text);
  Buffer out(runner.addresses(), 64);
  runner.config().block = {1, 1, 1};
  const auto outcome = runner.run("k", out.address(), 11U, 22U, 33U, 44U, std::uint8_t{200});
  ASSERT_EQ(outcome.state, GridState::finished) << outcome.fault->message;
  const std::uint32_t expected[] = {11, 22, 200, 6, 2, 33};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(out.as<std::uint32_t>()[i], expected[i]) << i;
  }
  const GlobalVariable* counter = runner.program().find_variable("counter");
  ASSERT_NE(counter, nullptr);
  EXPECT_EQ(*reinterpret_cast<std::uint32_t*>(counter->address), 6U);
  const KernelInfo& info = runner.program().kernel(*runner.program().find_kernel("k"));
  EXPECT_EQ(info.parameter_bytes, 25U);
  EXPECT_EQ(info.parameter_offsets[1], 24U);
}

template <class T>
T atomic_result(const std::string& operation, T start, const std::string& space,
                std::uint32_t& distinct) {
  // All threads hit one word; each returns what it found.
  const bool shared = space == "shared";
  const std::string width = std::to_string(8 * sizeof(T));
  const std::string value = sizeof(T) == 8 ? "%rd2" : "%r2";
  const std::string old = sizeof(T) == 8 ? "%rd3" : "%r3";
  const std::string body =
      std::string(shared ? ".shared .align 8 .b8 s[8];\nmov.u64 %rd1, s;\nsetp.eq.u32 %p1, %i, 0;\n"
                         : "ld.param.u64 %rd1, [in];\n") +
      (shared ? "ld.param.u64 %rd4, [in];\nld.global.u64 %rd5, [%rd4];\n@%p1 st.shared.u64 [%rd1], "
                "%rd5;\nbar.sync 0;\n"
              : "") +
      "add.u32 %r2, %i, 1;\ncvt.u64.u32 %rd2, %r2;\ncvt.rn.f32.u32 %f1, %r2;\n" + "atom." + space +
      "." + operation + " " + old + ", [%rd1], " + value +
      (operation.starts_with("cas") ? ", " + value : "") + ";\nst.global.b" + width + " [%y], " +
      old + ";\n" +
      (shared ? "bar.sync 0;\nld.shared.u64 %rd6, [%rd1];\n@%p1 st.global.u64 [%rd4], %rd6;\n"
              : "");
  Case run(indexed(body, 8));
  std::memcpy(run.in.as<T>(), &start, sizeof start);
  run.go();
  std::set<T> seen;
  for (std::uint32_t i = 0; i < kThreads; ++i) {
    T found;
    std::memcpy(&found, run.out.as<std::uint8_t>() + 8 * i, sizeof found);
    seen.insert(found);
  }
  distinct = static_cast<std::uint32_t>(seen.size());
  return *run.in.as<T>();
}

TEST(Memory, AtomicsOnGlobalAndSharedMemory) {
  std::uint32_t distinct = 0;
  for (const std::string space : {"global", "shared"}) {
    EXPECT_EQ(atomic_result<std::uint32_t>("add.u32", 7, space, distinct), 7U + 64 * 65 / 2);
    EXPECT_EQ(distinct, kThreads);  // every thread saw a different sum
    EXPECT_EQ(atomic_result<std::uint64_t>("add.u64", 1ULL << 40, space, distinct),
              (1ULL << 40) + 64 * 65 / 2);
    EXPECT_EQ(atomic_result<std::uint32_t>("max.u32", 10, space, distinct), 64U);
    EXPECT_EQ(atomic_result<std::int32_t>("min.s32", 10, space, distinct), 1);
    EXPECT_EQ(atomic_result<std::uint32_t>("or.b32", 256, space, distinct), 256U + 127);
    EXPECT_EQ(atomic_result<std::uint32_t>("xor.b32", 0, space, distinct), [] {
      std::uint32_t x = 0;
      for (std::uint32_t i = 1; i <= 64; ++i)
        x ^= i;
      return x;
    }());
    // inc wraps to 0 once the value reaches the operand; dec the reverse.
    EXPECT_LE(atomic_result<std::uint32_t>("inc.u32", 0, space, distinct), 64U);
    EXPECT_EQ(atomic_result<std::uint32_t>("cas.b32", 1, space, distinct), 1U);
    EXPECT_EQ(atomic_result<std::uint64_t>("exch.b64", 0, space, distinct) != 0, true);
    EXPECT_EQ(distinct, kThreads);
  }
}

TEST(Memory, AtomicFloatsRoundEachStep) {
  Case run(indexed(
      "ld.param.u64 %rd1, [in];\nmov.f32 %f1, 0f3f800000;\nred.global.add.f32 [%rd1], %f1;\n"
      "mov.b32 %r1, 0x3c004000;\natom.global.add.noftz.f16x2 %r2, [%rd1+4], %r1;",
      4));
  run.in.as<float>()[0] = 16777216.0F - 32;  // 2^24 - 32: the last 32 of 64 ones are lost
  run.in.as<std::uint32_t>()[1] = 0;
  run.go();
  EXPECT_EQ(run.in.as<float>()[0], 16777216.0F);
  EXPECT_EQ(run.in.as<std::uint32_t>()[1], 0x54005800U);  // {128, 64}
}

TEST(Memory, SpecialRegisters) {
  const std::string text =
      header("sm_90") +
      ".visible .entry k(.param .u64 out)\n{\n.reg .b32 %r<12>;\n.reg .b64 %rd<9>;\n"
      "mov.u32 %r1, %tid.y;\nmov.u32 %r2, %ntid.x;\nmov.u32 %r3, %tid.x;\nmad.lo.u32 %r4, %r1, "
      "%r2, %r3;\n"
      "mov.u32 %r5, %ctaid.z;\nmov.u32 %r6, %nctaid.y;\nmov.u32 %r7, %laneid;\nmov.u32 %r8, "
      "%lanemask_lt;\nmov.u32 %r9, %warpid;\n"
      "mad.lo.u32 %r10, %r5, 48, %r4;\nld.param.u64 %rd1, [out];\nmul.wide.u32 %rd2, %r10, "
      "16;\nadd.s64 %rd1, %rd1, %rd2;\n"
      "st.global.v4.u32 [%rd1], {%r6, %r7, %r8, %r9};\nret;\n}\n";
  KernelRunner runner(text, 90);
  Buffer out(runner.addresses(), 2 * 48 * 16);
  runner.config().block = {12, 4, 1};
  runner.config().grid = {1, 1, 2};
  ASSERT_EQ(runner.run("k", out.address()).state, GridState::finished);
  for (std::uint32_t i = 0; i < 96; ++i) {
    const auto* value = out.as<std::uint32_t>() + 4 * i;
    const std::uint32_t thread = i % 48;
    EXPECT_EQ(value[0], 1U);
    EXPECT_EQ(value[1], thread % 32);
    EXPECT_EQ(value[2], (1U << thread % 32) - 1);
    EXPECT_EQ(value[3], thread / 32);
  }
}

TEST(Memory, RowsOfConsecutiveElementsMayStartAtAnyElement) {
  struct Form {
    std::uint32_t bytes;
    std::string type;
    std::string value;
  };
  for (const Form& form :
       {Form{4, "u32", "%r1"}, Form{8, "u64", "%rd5"}, Form{8, "v2.u32", "{%r1, %r2}"},
        Form{16, "v2.u64", "{%rd5, %rd6}"}, Form{16, "v4.u32", "{%r1, %r2, %r3, %r4}"}}) {
    for (std::uint32_t shift = 0; shift < 128; shift += form.bytes) {
      const std::string at = "+" + std::to_string(shift) + "]";
      Case run(indexed(".shared .align 16 .b8 s[4096];\nmov.u64 %rd1, s;\nmul.wide.u32 %rd2, %i, " +
                           std::to_string(form.bytes) + ";\nadd.s64 %rd1, %rd1, %rd2;\nld.global." +
                           form.type + " " + form.value + ", [%x" + at + ";\nst.shared." +
                           form.type + " [%rd1" + at + ", " + form.value + ";\nld.shared." +
                           form.type + " " + form.value + ", [%rd1" + at + ";\nst.global." +
                           form.type + " [%y" + at + ", " + form.value + ";",
                       form.bytes));
      run.go();
      EXPECT_EQ(std::memcmp(run.in.as<std::byte>() + shift, run.out.as<std::byte>() + shift,
                            std::size_t{form.bytes} * kThreads),
                0)
          << form.type << " shifted by " << shift;
    }
  }
}

TEST(Memory, BankConflictsAreCounted) {
  const auto counters = [](std::uint32_t stride, const std::string& access) {
    Case run(indexed(".shared .align 16 .b8 s[8192];\nmov.u64 %rd1, s;\nmul.wide.u32 %rd2, %i, " +
                         std::to_string(stride) + ";\nadd.s64 %rd1, %rd1, %rd2;\n" + access,
                     4));
    run.runner.config().block = {32, 1, 1};
    return run.go().counters;
  };
  const auto wavefronts = [&](std::uint32_t stride, const std::string& access) {
    return counters(stride, access).shared_wavefronts;
  };
  const auto minimum = [&](std::uint32_t stride, const std::string& access) {
    return counters(stride, access).shared_wavefronts_minimum;
  };
  const std::string word = "st.shared.u32 [%rd1], %i;";
  EXPECT_EQ(wavefronts(4, word), 1U);
  EXPECT_EQ(wavefronts(8, word), 2U);
  EXPECT_EQ(wavefronts(128, word), 32U);
  EXPECT_EQ(wavefronts(132, word), 1U);
  EXPECT_EQ(wavefronts(0, "st.shared.u8 [%rd1], 0;"), 1U);  // a broadcast word
  EXPECT_EQ(wavefronts(8, "st.shared.u64 [%rd1], %rd2;"), 2U);
  EXPECT_EQ(wavefronts(16, "st.shared.v2.u64 [%rd1], {%rd2, %rd2};"), 4U);
  EXPECT_EQ(wavefronts(128, "st.shared.v2.u64 [%rd1], {%rd2, %rd2};"), 32U);
  EXPECT_EQ(minimum(4, word), 1U);
  EXPECT_EQ(minimum(128, word), 1U);
  EXPECT_EQ(minimum(16, "st.shared.v2.u64 [%rd1], {%rd2, %rd2};"), 4U);
  EXPECT_EQ(minimum(128, "st.shared.v2.u64 [%rd1], {%rd2, %rd2};"), 4U);
  EXPECT_EQ(minimum(16, "setp.lt.u32 %p1, %i, 3;\n@%p1 st.shared.v2.u64 [%rd1], {%rd2, %rd2};"), 1U)
      << "three lanes of the first quarter";
}

TEST(Memory, SectorsAboveTheMinimumAreCounted) {
  const auto sectors = [](const std::string& word_index) {
    Case run(indexed(word_index + "\nmul.wide.u32 %rd2, %r1, 4;\nadd.s64 %rd1, %x, %rd2;\n"
                                  "ld.global.u32 %r2, [%rd1];",
                     0));
    run.runner.config().block = {32, 1, 1};
    const auto counters = run.go().counters;
    return std::pair{counters.global_sectors, counters.global_sectors_minimum};
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(sectors("mov.u32 %r1, %i;"), (Pair{4, 4}));
  EXPECT_EQ(sectors("xor.b32 %r1, %i, 31;"), (Pair{4, 4})) << "in any order";
  EXPECT_EQ(sectors("mov.u32 %r1, 5;"), (Pair{1, 1})) << "one word for all";
  EXPECT_EQ(sectors("shr.u32 %r1, %i, 1;"), (Pair{2, 2})) << "each word twice";
  EXPECT_EQ(sectors("shl.b32 %r1, %i, 3;"), (Pair{32, 4})) << "a word of each sector";
  EXPECT_EQ(sectors("add.u32 %r1, %i, 4;"), (Pair{5, 4})) << "not aligned to a sector";
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

// Every check finds its planted fault, names the place, and stays silent on correct kernels.
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

// Kernel k(out, in) with %i the thread, %y = out + 4 i, %s = 4 i in the shared array s of 1024
// bytes.
std::string kernel(const std::string& body) {
  return header("sm_80") +
         ".file 1 \"path/to/planted.cu\"\n.visible .entry k(.param .u64 out, .param .u64 in)\n{\n"
         ".reg .b32 %i, %r<9>;\n.reg .b64 %y, %in, %s, %o, %rd<9>;\n.reg .pred %p<9>;\n.shared "
         ".align 16 .b8 s[1024];\n"
         "ld.param.u64 %y, [out];\nld.param.u64 %in, [in];\nmov.u32 %i, %tid.x;\nmul.wide.u32 %o, "
         "%i, 4;\n"
         "add.s64 %y, %y, %o;\nmov.u64 %s, s;\nadd.s64 %s, %s, %o;\n.loc 1 77 0\n" +
         body + "\nret;\n}\n";
}

struct Case {
  explicit Case(const std::string& body, std::uint32_t threads = 64)
      : runner(kernel(body)), out(runner.addresses(), 4096), in(runner.addresses(), 4096) {
    runner.config().block = {threads, 1, 1};
  }
  Outcome go() { return runner.run("k", out.address(), in.address()); }
  // The message of the fault; empty if the kernel ends well.
  std::string fault(Fault::Kind kind) {
    const Outcome outcome = go();
    EXPECT_EQ(outcome.state, GridState::faulted);
    if (!outcome.fault) {
      return "";
    }
    EXPECT_EQ(outcome.fault->kind, kind) << outcome.fault->message;
    return outcome.fault->message;
  }
  void expect_clean() {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      runner.config().seed = seed;
      const Outcome outcome = go();
      EXPECT_EQ(outcome.state, GridState::finished)
          << (outcome.fault ? outcome.fault->message : "still running");
    }
  }
  KernelRunner runner;
  Buffer out;
  Buffer in;
};
#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// NCCL copies a structure by a warp while a thread of another warp stores one word of it, which has
// the same value there.
TEST(Checks, OfAWideStoreOnlyTheBytesInConflictCount) {
  const auto body = [](const std::string& word) {
    return "setp.lt.u32 %p1, %i, 32;\nmov.u64 %rd1, s;\n@%p1 st.shared.u32 [%rd1], 5;\n"
           "@!%p1 st.shared.v4.u32 [%rd1], {" +
           word + ", 6, 7, 8};";
  };
  Case(body("5")).expect_clean();
  EXPECT_CONTAINS(Case(body("4")).fault(Fault::Kind::race), "is not ordered after");
}

// What compilers make of loads of neighbours covers gaps between them.
TEST(Checks, AWideLoadMayCoverBytesNobodyWrote) {
  Case(
      "st.shared.u32 [%s], %i;\nbar.sync 0;\nmov.u64 %rd1, s;\n"
      "ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1+240];\nst.global.u32 [%y], %r1;",
      61)
      .expect_clean();
  EXPECT_CONTAINS(Case("st.shared.u32 [%s], %i;\nbar.sync 0;\nmov.u64 %rd1, s;\n"
                       "ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1+256];\n"
                       "st.global.u32 [%y], %r1;",
                       61)
                      .fault(Fault::Kind::undefined_value),
                  "reads what nobody wrote");
}

TEST(Checks, OutOfBounds) {
  Case planted("st.global.u32 [%y+3900], %i;");
  const std::string message = planted.fault(Fault::Kind::illegal_address);
  EXPECT_CONTAINS(message,
                  "kernel 'k', PTX line 19 (planted.cu:77) (st.global.u32), CTA (0,0,0), thread "
                  "(49,0,0): global write of 4 bytes at 0x");
  EXPECT_CONTAINS(message, "0 bytes past the end of allocation");
  EXPECT_CONTAINS(message, "(4096 bytes at 0x");
}

TEST(Checks, NullPointer) {
  Case planted("mov.u64 %rd1, 0;\nld.global.u32 %r1, [%rd1];");
  EXPECT_CONTAINS(planted.fault(Fault::Kind::illegal_address),
                  "global read of 4 bytes at 0x0 is outside any allocation");
}

TEST(Checks, UseAfterFree) {
  Case planted("ld.global.u32 %r1, [%in];");
  planted.runner.addresses().retire(static_cast<std::uintptr_t>(planted.in.address()));
  EXPECT_CONTAINS(planted.fault(Fault::Kind::use_after_free), "was freed");
}

TEST(Checks, Misaligned) {
  Case global("ld.global.u64 %rd1, [%in+4];");
  EXPECT_CONTAINS(global.fault(Fault::Kind::misaligned_address), "global read of 8 bytes");
  Case shared("st.shared.v4.u32 [%s+8], {%i, %i, %i, %i};");
  EXPECT_CONTAINS(shared.fault(Fault::Kind::misaligned_address), "shared write of 16 bytes");
}

TEST(Checks, OutsideSharedMemory) {
  Case planted("st.shared.u32 [%s+900], %i;");
  EXPECT_CONTAINS(planted.fault(Fault::Kind::illegal_address),
                  "outside the CTA's shared memory [0x0, 0x400)");
}

TEST(Checks, UninitialisedSharedMemory) {
  Case planted(
      "setp.lt.u32 %p1, %i, 5;\n@%p1 st.shared.u32 [%s], %i;\nbar.sync 0;\nld.shared.u32 %r1, "
      "[%s];\nst.global.u32 [%y], %r1;");
  const std::string message = planted.fault(Fault::Kind::undefined_value);
  EXPECT_CONTAINS(message, "PTX line 22");
  EXPECT_CONTAINS(message, "reads what nobody wrote");
}

// Thread i writes its word and reads that of thread 63 - i.
std::string exchange(const std::string& between) {
  return "st.shared.u32 [%s], %i;\n" + between +
         "\nmov.u64 %rd1, s;\nmov.u32 %r2, 63;\nsub.u32 %r2, %r2, %i;\nmul.wide.u32 %rd2, %r2, 4;\n"
         "add.s64 %rd1, %rd1, %rd2;\nld.shared.u32 %r1, [%rd1];\nst.global.u32 [%y], %r1;";
}
TEST(Checks, MissingBarrierIsARace) {
  Case correct(exchange("bar.sync 0;"));
  correct.expect_clean();
  // Which of the two warps runs first depends on the seed: the other's words are unwritten or
  // racing.
  Case planted("st.shared.u32 [%s], 0;\nbar.sync 0;\n" + exchange(""));
  const std::string message = planted.fault(Fault::Kind::race);
  EXPECT_CONTAINS(message, "is not ordered after the");
  EXPECT_CONTAINS(message, "planted.cu:77");
}

TEST(Checks, WriteAfterReadIsARace) {
  const std::string body =
      "st.shared.u32 [%s], %i;\nbar.sync 0;\nxor.b32 %r2, %i, 32;\nmul.wide.u32 %rd2, %r2, "
      "4;\nmov.u64 %rd1, s;\nadd.s64 %rd1, %rd1, %rd2;\n"
      "ld.shared.u32 %r1, [%rd1];\n";
  Case correct(body + "bar.sync 0;\nst.shared.u32 [%s], 1;");
  correct.expect_clean();
  Case planted(body + "st.shared.u32 [%s], 1;");
  (void)planted.fault(Fault::Kind::race);
}

TEST(Checks, ReaderAndLaterWriterInDifferentWarps) {
  // Warp 1 reads what warp 0 then overwrites. Whoever comes first, the pair is unordered.
  int read_first = 0;
  int write_first = 0;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    Case planted(
        "st.shared.u32 [%s], %i;\nbar.sync 0;\nsetp.lt.u32 %p1, %i, 32;\n"
        "@%p1 st.shared.u32 [%s+128], 7;\n@!%p1 ld.shared.u32 %r1, [%s];");
    planted.runner.config().seed = seed;
    const std::string message = planted.fault(Fault::Kind::race);
    read_first += message.find("is not ordered after the read by thread") != std::string::npos;
    write_first += message.find("is not ordered after the write by thread") != std::string::npos;
  }
  EXPECT_EQ(read_first + write_first, 16);
  EXPECT_GT(read_first, 0);
  EXPECT_GT(write_first, 0);
}

TEST(Checks, WarpSynchronousCodeNeedsItsBarrier) {
  const auto body = [](const std::string& between) {
    return "st.shared.u32 [%s], %i;\n" + between +
           "xor.b32 %r2, %i, 1;\nmul.wide.u32 %rd2, %r2, 4;\nmov.u64 %rd1, s;\nadd.s64 %rd1, %rd1, "
           "%rd2;\nld.shared.u32 %r1, [%rd1];";
  };
  Case correct(body("bar.warp.sync -1;\n"));
  correct.expect_clean();
  Case shuffled(body("shfl.sync.idx.b32 %r3, %i, 0, 31, -1;\n"));
  shuffled.expect_clean();
  Case planted(body(""), 32);
  (void)planted.fault(Fault::Kind::race);
}

TEST(Checks, BytesOfOneWordBelongToDifferentThreads) {
  Case correct(
      "cvt.u64.u32 %rd1, %i;\nmov.u64 %rd2, s;\nadd.s64 %rd1, %rd1, %rd2;\nst.shared.u8 [%rd1], "
      "%i;\nbar.sync 0;\nld.shared.u8 %r1, [%rd1];\n"
      "setp.lt.u32 %p1, %i, 16;\n@%p1 ld.shared.u32 %r1, [%s];\n@%p1 st.global.u32 [%y], %r1;");
  correct.expect_clean();
  EXPECT_EQ(correct.out.as<std::uint32_t>()[15], 0x3f3e3d3cU);
}

TEST(Checks, AtomicsOrderTheirThreads) {
  // Message passing: data, then a flag that another warp polls.
  Case correct(
      "setp.ge.u32 %p1, %i, 32;\nsetp.eq.u32 %p2, %i, 0;\n@%p2 st.shared.u32 [s+512], 0;\nbar.sync "
      "0;\n@%p1 bra CONSUME;\n@%p2 st.shared.u32 [s], 5;\n"
      "membar.cta;\n@%p2 st.volatile.shared.u32 [s+512], 1;\nbra "
      "END;\nCONSUME:\nld.volatile.shared.u32 %r1, [s+512];\nsetp.eq.u32 %p3, %r1, 0;\n@%p3 bra "
      "CONSUME;\n"
      "ld.shared.u32 %r2, [s];\nst.global.u32 [%y], %r2;\nEND:");
  correct.expect_clean();
  EXPECT_EQ(correct.out.as<std::uint32_t>()[40], 5U);
}

// cp.async of 16 bytes a thread, then `wait`, then a read of the thread's own words.
std::string copied(const std::string& wait) {
  return "mul.wide.u32 %rd1, %i, 16;\nadd.s64 %rd2, %in, %rd1;\nmov.u64 %rd3, s;\nadd.s64 %rd3, "
         "%rd3, %rd1;\n"
         "cp.async.cg.shared.global [%rd3], [%rd2], 16;\ncp.async.commit_group;\n" +
         wait + "ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%rd3];\nst.global.u32 [%y], %r4;";
}
TEST(Checks, AsynchronousCopiesMustBeWaitedFor) {
  Case correct(copied("cp.async.wait_group 0;\n"));
  for (std::uint32_t i = 0; i < 1024; ++i) {
    correct.in.as<std::uint32_t>()[i] = i * 3;
  }
  correct.expect_clean();
  EXPECT_EQ(correct.out.as<std::uint32_t>()[63], 255U * 3);
  Case planted(copied("cp.async.wait_group 1;\n"));
  EXPECT_CONTAINS(planted.fault(Fault::Kind::race), "is not ordered after the cp.async of thread");
}

TEST(Checks, UnwaitedCopiesShowOldContents) {
  // Checks off: what the hardware may do, for some of the seeds and not for others.
  int stale = 0;
  int landed = 0;
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    Case planted(
        "mul.wide.u32 %rd1, %i, 16;\nmov.u64 %rd3, s;\nadd.s64 %rd3, %rd3, %rd1;\nst.shared.v4.u32 "
        "[%rd3], {%i, %i, %i, %i};\n"
        "add.s64 %rd2, %in, %rd1;\ncp.async.cg.shared.global [%rd3], [%rd2], 16;\nld.shared.u32 "
        "%r4, [%rd3];\nst.global.u32 [%y], %r4;\ncp.async.wait_all;");
    planted.runner.config().checks = {true, false, false, false};
    planted.runner.config().seed = seed;
    for (std::uint32_t i = 0; i < 1024; ++i) {
      planted.in.as<std::uint32_t>()[i] = 1000;
    }
    EXPECT_EQ(planted.go().state, GridState::finished);
    stale += planted.out.as<std::uint32_t>()[0] == 0;
    landed += planted.out.as<std::uint32_t>()[0] == 1000;
  }
  EXPECT_EQ(stale + landed, 32);
  EXPECT_GT(stale, 4);
  EXPECT_GT(landed, 1);
}

TEST(Checks, CopyGroupsLandInOrderAndZeroFill) {
  // Two groups: waiting for all but one orders the first only. A short source leaves zeros.
  Case correct(
      "mul.wide.u32 %rd1, %i, 8;\nadd.s64 %rd2, %in, %rd1;\nmov.u64 %rd3, s;\nadd.s64 %rd3, %rd3, "
      "%rd1;\n"
      "mov.u32 %r8, 4;\ncp.async.ca.shared.global [%rd3], [%rd2], 8, %r8;\ncp.async.commit_group;\n"
      "cp.async.ca.shared.global [%rd3+512], [%rd2+512], "
      "4;\ncp.async.commit_group;\ncp.async.wait_group 1;\n"
      "ld.shared.v2.u32 {%r1, %r2}, [%rd3];\nadd.u32 %r1, %r1, %r2;\ncp.async.wait_group "
      "0;\nld.shared.u32 %r3, [%rd3+512];\nadd.u32 %r1, %r1, %r3;\nst.global.u32 [%y], %r1;");
  for (std::uint32_t i = 0; i < 1024; ++i) {
    correct.in.as<std::uint32_t>()[i] = i + 1;
  }
  correct.expect_clean();
  for (std::uint32_t i = 0; i < 64; ++i) {
    ASSERT_EQ(correct.out.as<std::uint32_t>()[i], (2 * i + 1) + (2 * i + 129));
  }
}

// Those before CTA 10 turn in circles and give nobody a turn; it raises their flag all the same.
TEST(Checks, WhoHasNotBegunMayStillHelp) {
  Case polling(
      "mov.u32 %r1, %ctaid.x;\nsetp.eq.u32 %p1, %r1, 10;\n@%p1 bra RAISE;\nL:\nld.global.u32 %r2, "
      "[%in];\nsetp.eq.u32 %p2, %r2, 0;\n@%p2 bra L;\nret;\nRAISE:\nst.global.u32 [%in], 1;",
      1);
  polling.runner.config().grid = {12, 1, 1};
  polling.runner.config().resident_blocks = 16;
  polling.runner.config().checks.races = false;
  const Outcome outcome = polling.go();
  EXPECT_EQ(outcome.state, GridState::finished) << (outcome.fault ? outcome.fault->message : "");
}

TEST(Checks, CanBeSwitchedOff) {
  Case planted("ld.shared.u32 %r1, [%s];\nst.global.u32 [%y], %r1;");
  planted.runner.config().checks = {true, false, false, false};
  EXPECT_EQ(planted.go().state, GridState::finished);
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

// Divergence, forward progress, barriers, calls, scheduling.
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

// Kernel k(out, in): %i thread index in the grid, %y: out + 4 * %i.
std::string kernel(const std::string& body, const std::string& before = "") {
  return header("sm_80") + before +
         ".visible .entry k(.param .u64 out, .param .u64 in)\n{\n.reg .b32 %i, %r<20>;\n"
         ".reg .b64 %y, %in, %rd<9>;\n.reg .pred %p<9>;\n"
         "ld.param.u64 %y, [out];\nld.param.u64 %in, [in];\nmov.u32 %r1, %ctaid.x;\nmov.u32 %r2, "
         "%ntid.x;\n"
         "mov.u32 %i, %tid.x;\nmad.lo.u32 %i, %r1, %r2, %i;\nmul.wide.u32 %rd8, %i, 4;\nadd.s64 "
         "%y, %y, %rd8;\n" +
         body + "\n}\n";
}

struct Case {
  explicit Case(const std::string& text, std::uint32_t threads = 64, std::uint32_t ctas = 1)
      : runner(text), out(runner.addresses(), 65536), in(runner.addresses(), 4096) {
    runner.config().block = {threads, 1, 1};
    runner.config().grid = {ctas, 1, 1};
  }
  Outcome go() { return runner.run("k", out.address(), in.address()); }
  void succeed() {
    const Outcome outcome = go();
    ASSERT_EQ(outcome.state, GridState::finished)
        << (outcome.fault ? outcome.fault->message : "still running");
  }
  std::uint32_t operator[](std::size_t index) { return out.as<std::uint32_t>()[index]; }
  KernelRunner runner;
  Buffer out;
  Buffer in;
};

TEST(Control, LoopsOfDifferentLengthReconverge) {
  // Collatz steps: every lane leaves the loop at its own time; afterwards all vote together.
  Case run(kernel(
      "add.u32 %r3, %i, 1;\nmov.u32 %r4, 0;\nLOOP:\nsetp.eq.u32 %p1, %r3, 1;\n@%p1 bra DONE;\n"
      "add.u32 %r4, %r4, 1;\nand.b32 %r5, %r3, 1;\nsetp.eq.u32 %p2, %r5, 0;\n@%p2 bra EVEN;\n"
      "mad.lo.u32 %r3, %r3, 3, 1;\nbra LOOP;\nEVEN:\nshr.u32 %r3, %r3, 1;\nbra LOOP;\n"
      "DONE:\nactivemask.b32 %r6;\npopc.b32 %r6, %r6;\nshl.b32 %r6, %r6, 16;\nor.b32 %r4, %r4, "
      "%r6;\n"
      "st.global.u32 [%y], %r4;\nret;"));
  run.succeed();
  for (std::uint32_t i = 0; i < 64; ++i) {
    std::uint64_t value = i + 1;
    std::uint32_t steps = 0;
    for (; value != 1; ++steps) {
      value = value % 2 == 0 ? value / 2 : 3 * value + 1;
    }
    ASSERT_EQ(run[i], steps | 32U << 16) << i;
  }
}

TEST(Control, LanesOfOneWarpHandOverALock) {
  // A spin lock taken by all lanes of a warp: needs forward progress of each lane by itself.
  Case run(kernel(
      "SPIN:\natom.global.cas.b32 %r3, [%in], 0, 1;\nsetp.ne.u32 %p1, %r3, 0;\n@%p1 bra SPIN;\n"
      "ld.volatile.global.u32 %r4, [%in+4];\nadd.u32 %r4, %r4, 1;\nst.volatile.global.u32 [%in+4], "
      "%r4;\n"
      "membar.gl;\natom.global.exch.b32 %r5, [%in], 0;\nst.global.u32 [%y], %r4;\nret;"));
  run.succeed();
  EXPECT_EQ(run.in.as<std::uint32_t>()[1], 64U);
}

TEST(Control, SpinningLanesDoNotStarveTheOneTheyWaitFor) {
  // Lane 31 sets a flag behind the loop that the lanes below it spin in.
  Case run(
      kernel("setp.eq.u32 %p1, %i, 31;\n@%p1 bra SET;\nSPIN:\nld.volatile.global.u32 %r3, [%in];\n"
             "setp.eq.u32 %p2, %r3, 0;\n@%p2 bra SPIN;\nbra END;\nSET:\nst.volatile.global.u32 "
             "[%in], 7;\n"
             "mov.u32 %r3, 1;\nEND:\nst.global.u32 [%y], %r3;\nret;"),
      32);
  run.succeed();
  EXPECT_EQ(run[0], 7U);
  EXPECT_EQ(run[31], 1U);
}

TEST(Control, GridsSynchroniseWithinTheResidentCtas) {
  const std::string text = kernel(
      "mov.u32 %r9, %tid.x;\nsetp.ne.u32 %p1, %r9, 0;\n@%p1 bra WAIT;\natom.global.add.u32 %r3, "
      "[%in], 1;\n"
      "SPIN:\nld.volatile.global.u32 %r4, [%in];\nsetp.lt.u32 %p2, %r4, 8;\n@%p2 bra SPIN;\n"
      "WAIT:\nbar.sync 0;\nst.global.u32 [%y], 1;\nret;");
  Case run(text, 64, 8);
  run.runner.config().resident_blocks = 8;
  run.succeed();
  // With room for seven the eighth never starts: the grid spins for ever, unless others help.
  Case stuck(text, 64, 8);
  stuck.runner.config().resident_blocks = 7;
  const Outcome outcome = stuck.go();
  ASSERT_EQ(outcome.state, GridState::faulted);
  EXPECT_NE(outcome.fault->message.find("1 of 8 CTAs have not begun"), std::string::npos)
      << outcome.fault->message;
}

TEST(Control, BarrierWithThreadCounts) {
  // Warp 0 produces, warps 1 and 2 consume through barrier 3 of 96 threads; warp 3 takes no part.
  Case run(kernel(".shared .align 4 .b8 s[4];\nshr.u32 %r3, %i, 5;\nsetp.eq.u32 %p1, %r3, 3;\n@%p1 "
                  "bra END;\n"
                  "setp.eq.u32 %p2, %r3, 0;\n@!%p2 bra CONSUME;\nsetp.eq.u32 %p3, %i, 0;\n@%p3 "
                  "st.shared.u32 [s], 42;\n"
                  "bar.arrive 3, 96;\nbra END;\nCONSUME:\nbar.sync 3, 96;\nld.shared.u32 %r4, "
                  "[s];\nst.global.u32 [%y], %r4;\nEND:\nret;"),
           128);
  run.succeed();
  EXPECT_EQ(run[32], 42U);
  EXPECT_EQ(run[95], 42U);
}

// Arrivals are counted, not who arrives: a warp that signals itself may pass (FlashAttention-3).
TEST(Control, BarrierCountsAWarpThatArrivesAgain) {
  Case run(kernel("bar.arrive 3, 64;\nbar.sync 3, 64;\nst.global.u32 [%y], 1;\nret;"), 32);
  run.succeed();
  EXPECT_EQ(run[31], 1U);
  Case missing(kernel("bar.arrive 3, 96;\nbar.sync 3, 96;\nret;"), 32);
  EXPECT_EQ(missing.go().fault->kind, Fault::Kind::deadlock);
}

TEST(Control, BarrierReductions) {
  Case run(
      kernel("and.b32 %r3, %i, 3;\nsetp.eq.u32 %p1, %r3, 0;\nbarrier.red.popc.u32 %r4, 0, %p1;\n"
             "barrier.red.or.pred %p2, 1, %p1;\nbarrier.red.and.pred %p3, 1, !%p1;\n"
             "selp.u32 %r5, 256, 0, %p2;\nselp.u32 %r6, 512, 0, %p3;\nadd.u32 %r4, %r4, "
             "%r5;\nadd.u32 %r4, %r4, %r6;\n"
             "st.global.u32 [%y], %r4;\nret;"),
      96);
  run.succeed();
  for (std::uint32_t i = 0; i < 96; ++i) {
    ASSERT_EQ(run[i], 24U + 256U);
  }
}

TEST(Control, ExitedThreadsDoNotHoldUpABarrier) {
  Case run(
      kernel("setp.gt.u32 %p1, %i, 40;\n@%p1 exit;\nbar.sync 0;\nst.global.u32 [%y], 9;\nret;"),
      96);
  run.succeed();
  EXPECT_EQ(run[40], 9U);
  EXPECT_EQ(run[41], 0U);
}

TEST(Control, DeadlockNamesWhoWaitsWhere) {
  Case run(
      kernel("setp.gt.u32 %p1, %i, 31;\n@%p1 bra OTHER;\nbar.sync 1, 64;\nret;\nOTHER:\nbar.sync "
             "2, 64;\nret;"));
  const Outcome outcome = run.go();
  ASSERT_EQ(outcome.state, GridState::faulted);
  EXPECT_EQ(outcome.fault->kind, Fault::Kind::deadlock);
  EXPECT_NE(outcome.fault->message.find("kernel 'k'"), std::string::npos);
  EXPECT_NE(outcome.fault->message.find("warp 0 lanes 0xffffffff at barrier 1, PTX line 19"),
            std::string::npos)
      << outcome.fault->message;
  EXPECT_NE(outcome.fault->message.find("warp 1 lanes 0xffffffff at barrier 2"), std::string::npos);
}

TEST(Control, CallsPassParametersAndRecurse) {
  const std::string functions =
      ".func (.param .b32 result) fib(.param .b32 n)\n{\n.reg .b32 %r<6>;\n.reg .pred %p;\n"
      ".param .b32 a0;\n.param .b32 r0;\nld.param.b32 %r1, [n];\nsetp.lt.u32 %p, %r1, 2;\n@%p bra "
      "BASE;\n"
      "sub.u32 %r2, %r1, 1;\nst.param.b32 [a0], %r2;\ncall.uni (r0), fib, (a0);\nld.param.b32 %r3, "
      "[r0];\n"
      "sub.u32 %r2, %r1, 2;\nst.param.b32 [a0], %r2;\ncall.uni (r0), fib, (a0);\nld.param.b32 %r4, "
      "[r0];\n"
      "add.u32 %r1, %r3, %r4;\nBASE:\nst.param.b32 [result], %r1;\nret;\n}\n";
  Case run(
      kernel(".param .b32 a0;\n.param .b32 r0;\nand.b32 %r3, %i, 7;\nst.param.b32 [a0], "
             "%r3;\ncall.uni (r0), fib, (a0);\n"
             "ld.param.b32 %r4, [r0];\nst.global.u32 [%y], %r4;\nret;",
             functions));
  run.succeed();
  const std::uint32_t fibonacci[] = {0, 1, 1, 2, 3, 5, 8, 13};
  for (std::uint32_t i = 0; i < 64; ++i) {
    ASSERT_EQ(run[i], fibonacci[i % 8]) << i;
  }
}

// Each thread takes a stack of its own size in a loop, saved and restored, with a call that takes
// one of its own beside it.
TEST(Control, StackMemoryOfADynamicSize) {
  const std::string body =
      "mov.u32 %r9, 0;\nmov.u32 %r3, 0;\nmov.u64 %rd6, 0;\nL:\nstacksave.u64 %rd1;\nadd.u32 "
      "%r4, %i, 4;\nmul.wide.u32 %rd2, %r4, 4;\nalloca.u64 %rd3, %rd2, 64;\nor.b64 %rd6, %rd6, "
      "%rd3;\ncvt.u64.u32 %rd4, %i;\nshl.b64 %rd4, %rd4, 2;\nadd.u64 %rd4, %rd4, "
      "%rd3;\nst.local.u32 [%rd3], 5;\nst.local.u32 [%rd4+12], %r3;\n{\n.param .b32 a;\n.param "
      ".b32 o;\nst.param.b32 [a], %i;\ncall.uni (o), f, (a);\nld.param.b32 %r5, [o];\n}\n"
      "ld.local.u32 %r6, [%rd4+12];\nld.local.u32 %r7, [%rd3];\nadd.u32 %r9, %r9, "
      "%r5;\nadd.u32 %r9, %r9, %r6;\nadd.u32 %r9, %r9, %r7;\nstackrestore.u64 %rd1;\nadd.u32 "
      "%r3, %r3, 1;\nsetp.lt.u32 %p1, %r3, 100;\n@%p1 bra L;\ncvt.u32.u64 %r8, %rd6;\nand.b32 "
      "%r8, %r8, 0xffffc03f;\nadd.u32 %r9, %r9, %r8;\nst.global.u32 [%y], %r9;\nret;";
  const std::string function =
      ".func (.param .b32 out) f(.param .b32 n)\n{\n.reg .b32 %r<4>;\n.reg .b64 "
      "%x<4>;\nld.param.u32 %r0, [n];\nmul.wide.u32 %x1, %r0, 1000;\nalloca.u64 %x0, "
      "%x1;\nst.local.u32 [%x0], %r0;\nld.local.u32 %r1, [%x0];\nst.param.b32 [out], "
      "%r1;\nret;\n}\n";
  Case run(kernel(body, function), 32);
  run.succeed();
  for (std::uint32_t i = 0; i < 32; ++i) {
    ASSERT_EQ(run[i], 100 * (i + 5) + 4950) << i;
  }
  Case endless(kernel("L:\nalloca.u64 %rd1, 65536;\nst.local.u32 [%rd1], %i;\nbra L;\nret;"));
  const Outcome outcome = endless.go();
  ASSERT_TRUE(outcome.fault.has_value());
  EXPECT_EQ(outcome.fault->kind, Fault::Kind::stack_overflow);
}

TEST(Control, IndirectCallsAndJumpTables) {
  const std::string functions =
      ".func (.param .b32 r) twice(.param .b32 x)\n{\n.reg .b32 %a;\nld.param.b32 %a, "
      "[x];\nadd.u32 %a, %a, %a;\nst.param.b32 [r], %a;\nret;\n}\n"
      ".func (.param .b32 r) square(.param .b32 x)\n{\n.reg .b32 %a;\nld.param.b32 %a, "
      "[x];\nmul.lo.u32 %a, %a, %a;\nst.param.b32 [r], %a;\nret;\n}\n"
      ".global .align 8 .u64 table[2] = {twice, square};\n";
  Case run(
      kernel(".param .b32 a0;\n.param .b32 r0;\nand.b32 %r3, %i, 1;\nmul.wide.u32 %rd1, %r3, "
             "8;\nmov.u64 %rd2, table;\nadd.s64 %rd1, %rd1, %rd2;\n"
             "ld.global.u64 %rd3, [%rd1];\nst.param.b32 [a0], %i;\n"
             "proto: .callprototype (.param .b32 _) _ (.param .b32 _);\ncall (r0), %rd3, (a0), "
             "proto;\nld.param.b32 %r4, [r0];\n"
             "rem.u32 %r5, %i, 3;\nts: .branchtargets L0, L1, L2;\nbrx.idx %r5, ts;\n"
             "L0:\nadd.u32 %r4, %r4, 1000;\nbra STORE;\nL1:\nadd.u32 %r4, %r4, 2000;\nbra "
             "STORE;\nL2:\nadd.u32 %r4, %r4, 3000;\n"
             "STORE:\nst.global.u32 [%y], %r4;\nret;",
             functions));
  run.succeed();
  for (std::uint32_t i = 0; i < 64; ++i) {
    ASSERT_EQ(run[i], (i % 2 == 0 ? 2 * i : i * i) + 1000 * (i % 3 + 1)) << i;
  }
}

// Half a warp waits in one function for what the other half does in another.
TEST(Control, DivergentCallsOfDifferentFunctions) {
  const std::string functions =
      ".global .u32 flag;\n"
      ".func (.param .b32 r) waits(.param .b32 x)\n{\n.reg .b32 %a<5>;\n.reg .pred %s;\n"
      "ld.param.b32 %a0, [x];\nmov.u32 %a1, 11;\nmov.u32 %a2, 22;\nmov.u32 %a3, 33;\n"
      "W:\nld.volatile.global.u32 %a4, [flag];\nsetp.eq.u32 %s, %a4, 0;\n@%s bra W;\n"
      "add.u32 %a0, %a0, %a1;\nadd.u32 %a0, %a0, %a2;\nadd.u32 %a0, %a0, %a3;\n"
      "st.param.b32 [r], %a0;\nret;\n}\n"
      ".func (.param .b32 r) raises(.param .b32 x)\n{\n.reg .pred %s<4>;\n.reg .b64 %q<5>;\n"
      ".reg .b32 %a;\nld.param.b32 %a, [x];\nmov.u64 %q0, -1;\nmov.u64 %q1, -1;\n"
      "mov.u64 %q2, -1;\nmov.u64 %q3, -1;\nsetp.ne.u64 %s0, %q0, 0;\nsetp.ne.u64 %s1, %q1, 0;\n"
      "setp.ne.u64 %s2, %q2, 0;\nsetp.ne.u64 %s3, %q3, 0;\n"
      "@%s3 st.volatile.global.u32 [flag], 1;\nst.param.b32 [r], %a;\nret;\n}\n";
  Case run(
      kernel(".param .b32 a0;\n.param .b32 r0;\nand.b32 %r3, %i, 1;\n"
             "setp.eq.u32 %p1, %r3, 0;\nst.param.b32 [a0], %i;\n@!%p1 bra ODD;\n"
             "call (r0), waits, (a0);\nbra JOIN;\nODD:\ncall (r0), raises, (a0);\n"
             "JOIN:\nld.param.b32 %r4, [r0];\nst.global.u32 [%y], %r4;\nret;",
             functions));
  run.succeed();
  for (std::uint32_t i = 0; i < 64; ++i) {
    ASSERT_EQ(run[i], i % 2 == 0 ? i + 66 : i) << i;
  }
}

TEST(Control, EverySeedGivesItsOwnReproducibleOrder) {
  // The order of arrival at a counter depends on the schedule alone.
  const std::string text =
      kernel("atom.global.add.u32 %r3, [%in], 1;\nst.global.u32 [%y], %r3;\nret;");
  const auto order = [&text](std::uint64_t seed) {
    Case run(text, 256, 16);
    run.runner.config().seed = seed;
    run.succeed();
    return std::vector<std::uint32_t>(run.out.as<std::uint32_t>(),
                                      run.out.as<std::uint32_t>() + 4096);
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
}

TEST(Control, UnsupportedInstructionRefusesOnlyItsKernel) {
  const std::string text = header("sm_90a") +
                           ".visible .entry k(.param .u64 out)\n{\nret;\n}\n.visible .entry "
                           "exotic()\n{\n.reg .b64 %v;\nmultimem.red.global.add.u32 [%v], 1;\n"
                           "ret;\n}\n";
  KernelRunner runner(text, 90);
  EXPECT_EQ(runner.run("k", std::uint64_t{0}).state, GridState::finished);
  try {
    (void)runner.run("exotic");
    FAIL() << "the kernel was not refused";
  } catch (const UnsupportedInstruction& refused) {
    EXPECT_NE(std::string(refused.what()).find("'exotic'"), std::string::npos);
    EXPECT_NE(std::string(refused.what()).find("multimem.red.global.add.u32' at PTX line 11"),
              std::string::npos)
        << refused.what();
  }
}

TEST(Control, TrapAndAssertStopTheGrid) {
  Case run(kernel("setp.eq.u32 %p1, %i, 5;\n@%p1 trap;\nret;"));
  const Outcome outcome = run.go();
  ASSERT_EQ(outcome.state, GridState::faulted);
  EXPECT_EQ(outcome.fault->kind, Fault::Kind::trap);
  EXPECT_NE(outcome.fault->message.find("CTA (0,0,0), thread (5,0,0)"), std::string::npos)
      << outcome.fault->message;
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

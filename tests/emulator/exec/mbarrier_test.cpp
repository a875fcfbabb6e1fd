// The mbarrier family against PTX ISA 9.0, section 9.7.13.15.
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

// %i is the thread, %x = out + 8 i, %in the input, s 1024 bytes of shared memory at %s, b an
// mbarrier.
std::string kernel(const std::string& body, const std::string& target) {
  return header(target) +
         ".visible .entry k(.param .u64 out, .param .u64 in)\n{\n.reg .b32 %i, %r<9>;\n.reg .b64 "
         "%x, %in, %o, %s, %t<9>;\n.reg .pred %p<9>;\n.shared .align 16 .b8 s[2048];\n.shared "
         ".align 8 .b64 b;\nld.param.u64 %x, [out];\nld.param.u64 %in, [in];\nmov.u32 %i, "
         "%tid.x;\nmul.wide.u32 %o, %i, 8;\nadd.s64 %x, %x, %o;\nmov.u64 %s, s;\n" +
         body + "\nret;\n}\n";
}

struct Barrier {
  explicit Barrier(const std::string& body, std::uint32_t threads = 1,
                   std::uint32_t architecture = 80)
      : runner(kernel(body, architecture >= 90 ? "sm_90" : "sm_80"), architecture),
        out(runner.addresses(), 4096),
        in(runner.addresses(), 4096) {
    runner.config().block = {threads, 1, 1};
    for (std::uint32_t i = 0; i < 1024; ++i) {
      in.as<std::uint32_t>()[i] = i * 7 + 1;
    }
  }
  Outcome go() { return runner.run("k", out.address(), in.address()); }
  void expect_clean() {
    const Outcome outcome = go();
    ASSERT_EQ(outcome.state, GridState::finished)
        << (outcome.fault ? outcome.fault->message : "still running");
  }
  std::string fault() {
    const Outcome outcome = go();
    return outcome.fault ? outcome.fault->message : "";
  }
  KernelRunner runner;
  Buffer out;
  Buffer in;
};

TEST(Mbarrier, PhasesCompleteWithTheLastArrival) {
  Barrier run(
      "mbarrier.init.shared.b64 [b], 3;\n"
      "mbarrier.arrive.shared.b64 %t1, [b];\n"
      "mbarrier.pending_count.b64 %r1, %t1;\n"  // before the arrival: 3
      "mbarrier.arrive.noComplete.shared.b64 %t2, [b], 1;\n"
      "mbarrier.pending_count.b64 %r2, %t2;\n"  // 2
      "mbarrier.test_wait.shared.b64 %p1, [b], %t1;\n"
      "selp.u32 %r3, 1, 0, %p1;\n"  // 0
      "mbarrier.test_wait.parity.shared.b64 %p1, [b], 0;\n"
      "selp.u32 %r4, 1, 0, %p1;\n"  // 0: phase 0 is not over
      "mbarrier.test_wait.parity.shared.b64 %p1, [b], 1;\n"
      "selp.u32 %r5, 1, 0, %p1;\n"  // 1: the phase before it is
      "mbarrier.arrive.shared.b64 %t3, [b];\n"
      "mbarrier.test_wait.shared.b64 %p1, [b], %t3;\n"
      "selp.u32 %r6, 1, 0, %p1;\n"  // 1
      "mbarrier.test_wait.parity.acquire.cta.shared::cta.b64 %p1, [b], 0;\n"
      "selp.u32 %r7, 1, 0, %p1;\n"  // 1
      "mbarrier.arrive_drop.shared.b64 %t4, [b];\n"
      "mbarrier.pending_count.b64 %r8, %t4;\n"  // 3 again
      "st.global.v4.u32 [%x], {%r1, %r2, %r3, %r4};\nst.global.v4.u32 [%x+16], {%r5, %r6, %r7, "
      "%r8};\n"
      "mbarrier.arrive.shared.b64 %t5, [b];\nmbarrier.arrive.shared.b64 %t5, [b];\n"
      // The drop left 2 for the phase that begins now.
      "mbarrier.arrive.shared.b64 %t5, [b];\nmbarrier.pending_count.b64 %r1, %t5;\n"
      "st.global.u32 [%x+32], %r1;\nmbarrier.inval.shared.b64 [b];");
  run.expect_clean();
  const std::uint32_t expected[] = {3, 2, 0, 0, 1, 1, 1, 3, 2};
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(run.out.as<std::uint32_t>()[i], expected[i]) << i;
  }
}

TEST(Mbarrier, CountsTransactions) {
  Barrier run(
      "mbarrier.init.shared::cta.b64 [b], 1;\n"
      "mbarrier.arrive.expect_tx.shared::cta.b64 %t1, [b], 64;\n"
      "mbarrier.test_wait.shared::cta.b64 %p1, [b], %t1;\nselp.u32 %r1, 1, 0, %p1;\n"
      "mbarrier.complete_tx.shared::cta.b64 [b], 48;\n"
      "mbarrier.try_wait.shared::cta.b64 %p1, [b], %t1, 100;\nselp.u32 %r2, 1, 0, %p1;\n"
      "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [b], 16;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 %p1, [b], 0;\nselp.u32 %r3, 1, 0, %p1;\n"
      // Two arrivals at once.
      "mbarrier.inval.shared::cta.b64 [b];\nmbarrier.init.shared::cta.b64 [b], 2;\n"
      "mbarrier.arrive.release.cta.shared::cta.b64 %t1, [b], 2;\n"
      "mbarrier.test_wait.shared::cta.b64 %p1, [b], %t1;\nselp.u32 %r4, 1, 0, %p1;\n"
      "st.global.v4.u32 [%x], {%r1, %r2, %r3, %r4};",
      1, 90);
  run.expect_clean();
  const std::uint32_t expected[] = {0, 0, 1, 1};
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(run.out.as<std::uint32_t>()[i], expected[i]) << i;
  }
}

// Threads of one warp copy, those of the other wait on the mbarrier and read what was copied.
std::string pipeline(const std::string& count, const std::string& arrive) {
  return "setp.ne.u32 %p1, %i, 0;\n@!%p1 mbarrier.init.shared.b64 [b], " + count +
         ";\nbar.sync 0;\nshr.u32 %r1, %i, 5;\nand.b32 %r2, %i, 31;\nmul.wide.u32 %t1, %r2, "
         "16;\nadd.s64 %t2, %s, %t1;\nsetp.ne.u32 %p2, %r1, 0;\n@%p2 bra WAIT;\nadd.s64 %t3, %in, "
         "%t1;\ncp.async.cg.shared.global [%t2], [%t3], 16;\n" +
         arrive +
         "\nbra DONE;\nWAIT:\nmbarrier.test_wait.parity.shared.b64 %p3, [b], 0;\n@!%p3 bra "
         "WAIT;\nld.shared.u32 %r3, [%t2+12];\nst.global.u32 [%x], %r3;\nDONE:\nbar.sync 0;";
}

TEST(Mbarrier, AsynchronousCopiesArriveWhenTheyLand) {
  const std::string cases[] = {
      pipeline("32", "cp.async.mbarrier.arrive.noinc.shared.b64 [b];"),
      // Without .noinc an arrival of its own has to follow.
      pipeline("32",
               "cp.async.mbarrier.arrive.shared.b64 [b];\nmbarrier.arrive.shared.b64 %t4, [b];")};
  for (const std::string& body : cases) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      Barrier run(body, 64);
      run.runner.config().seed = seed;
      run.expect_clean();
      for (std::uint32_t lane = 0; lane < 32; ++lane) {
        ASSERT_EQ(run.out.as<std::uint32_t>()[2 * (32 + lane)], (4 * lane + 3) * 7 + 1) << seed;
      }
    }
  }
}

TEST(Mbarrier, MisuseIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"mbarrier.arrive.shared.b64 %t1, [b];", "was not initialised"},
      {"mbarrier.init.shared.b64 [b], 0;", "not within 1 to 1048575"},
      {"mbarrier.init.shared.b64 [b], 1;\nmbarrier.arrive.noComplete.shared.b64 %t1, [b], 1;",
       "completes the phase"},
      {"mbarrier.init.shared.b64 [b], 2;\nmbarrier.arrive.noComplete.shared.b64 %t1, [b], 3;",
       "more arrivals"},
      {"mbarrier.init.shared.b64 [b], 1;\nmbarrier.inval.shared.b64 "
       "[b];\nmbarrier.arrive.shared.b64 "
       "%t1, [b];",
       "was not initialised"},
      {"mbarrier.init.b64 [%in], 1;", "lies in shared memory"},
  };
  for (const auto& [body, part] : cases) {
    Barrier run(std::string("st.shared.u64 [b], %x;\n") + body);
    const std::string message = run.fault();
    EXPECT_NE(message.find(part), std::string::npos) << body << ": " << message;
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

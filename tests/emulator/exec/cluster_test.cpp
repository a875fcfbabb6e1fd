// Clusters against PTX ISA 9.0: special registers, distributed shared memory, barrier.cluster, and
// mbarriers of other CTAs; in every ordering mode.
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

// %i is the thread, %c the rank, %n the CTAs of the cluster, %o = out + 4 (128 CTA + thread); w 32
// words of shared memory at %s, b an mbarrier. The grid is {8,1,1}.
std::string kernel(const std::string& body) {
  return header("sm_90") +
         ".visible .entry k(.param .u64 out)\n{\n.reg .b32 %i, %c, %n, %s, %r<9>;\n.reg .b64 %o, "
         "%t<9>;\n.reg .pred %p<9>;\n.shared .align 8 .b32 w[32];\n.shared .align 8 .b64 "
         "b;\nld.param.u64 %o, [out];\nmov.u32 %i, %tid.x;\nmov.u32 %r0, %ctaid.x;\nmad.lo.u32 "
         "%r0, %r0, 128, %i;\nmul.wide.u32 %t0, %r0, 4;\nadd.s64 %o, %o, %t0;\nmov.u32 %c, "
         "%cluster_ctarank;\nmov.u32 %n, %cluster_nctarank;\nmov.u32 %s, w;\n" +
         body + "\nret;\n}\n";
}

struct ClusterRun {
  explicit ClusterRun(const std::string& body, Dim3 cluster = {4, 1, 1}, std::uint32_t threads = 32)
      : runner(kernel(body), 90), out(runner.addresses(), 8 * 128 * 4) {
    runner.config().grid = {8, 1, 1};
    runner.config().cluster = cluster;
    runner.config().explicit_cluster = true;
    runner.config().resident_blocks = 16;
    runner.config().block = {threads, 1, 1};
  }
  Outcome go() { return runner.run("k", out.address()); }
  std::string fault() {
    const Outcome outcome = go();
    return outcome.fault ? outcome.fault->message : "";
  }
  [[nodiscard]] std::uint32_t value(std::uint32_t cta, std::uint32_t thread) {
    return out.as<std::uint32_t>()[cta * 128 + thread];
  }
  KernelRunner runner;
  Buffer out;
};

TEST(Cluster, SpecialRegistersNameThePlaceInTheCluster) {
  ClusterRun run(
      "mov.u32 %r1, %clusterid.x;\nmov.u32 %r2, %nclusterid.x;\nmov.u32 %r3, %cluster_ctaid.x;\n"
      "mov.pred %p1, %is_explicit_cluster;\nselp.u32 %r4, 1, 0, %p1;\n"
      "mad.lo.u32 %r5, %r1, 10, %r2;\nmad.lo.u32 %r5, %r5, 10, %r3;\nmad.lo.u32 %r5, %r5, 10, %c;\n"
      "mad.lo.u32 %r5, %r5, 10, %n;\nmad.lo.u32 %r5, %r5, 10, %r4;\nst.global.u32 [%o], %r5;");
  ASSERT_EQ(run.go().state, GridState::finished);
  for (std::uint32_t cta = 0; cta < 8; ++cta) {
    const std::uint32_t rank = cta % 4;
    EXPECT_EQ(run.value(cta, 0),
              ((((cta / 4 * 10 + 2) * 10 + rank) * 10 + rank) * 10 + 4) * 10 + 1);
  }
}

constexpr const char* kBarrier = "barrier.cluster.arrive;\nbarrier.cluster.wait;\n";

// Each CTA writes its words, then reads those of the next one, through `load`.
std::string ring(const std::string& load, const std::string& barrier = kBarrier) {
  return "mad.lo.u32 %r1, %c, 100, %i;\nshl.b32 %r2, %i, 2;\nadd.u32 %s, %s, %r2;\nst.shared.u32 "
         "[%s], %r1;\n" +
         barrier + "add.u32 %r3, %c, 1;\nrem.u32 %r3, %r3, %n;\n" + load +
         "\nst.global.u32 [%o], %r5;\n" + kBarrier;
}

TEST(Cluster, LoadsReachOtherCtas) {
  const std::string loads[] = {
      "mapa.shared::cluster.u32 %r4, %s, %r3;\nld.shared::cluster.u32 %r5, [%r4];",
      "cvt.u64.u32 %t1, %s;\ncvta.shared.u64 %t1, %t1;\nmapa.u64 %t2, %t1, %r3;\nld.u32 %r5, "
      "[%t2];",
      "mapa.shared::cluster.u32 %r4, %s, %r3;\natom.shared::cluster.add.u32 %r5, [%r4], 7;",
      // The rank lies above bit 24 of own addresses, too.
      "and.b32 %r4, %s, 0xffffff;\nshl.b32 %r6, %r3, 24;\nor.b32 %r4, %r4, %r6;\nsub.u32 %r7, %s, "
      "%c;\nld.shared::cluster.u32 %r5, [%r4];"};
  for (const std::string& load : loads) {
    for (const Dim3 cluster : {Dim3{4, 1, 1}, Dim3{2, 1, 1}, Dim3{8, 1, 1}}) {
      ClusterRun run(ring(load), cluster);
      const Outcome outcome = run.go();
      ASSERT_EQ(outcome.state, GridState::finished)
          << (outcome.fault ? outcome.fault->message : "") << load;
      for (std::uint32_t cta = 0; cta < 8; ++cta) {
        for (std::uint32_t i = 0; i < 32; ++i) {
          ASSERT_EQ(run.value(cta, i), (cta % cluster.x + 1) % cluster.x * 100 + i) << load;
        }
      }
      EXPECT_EQ(outcome.counters.distributed_shared_bytes, 8U * 32 * 4);
    }
  }
}

TEST(Cluster, RelaxedArrivalsCarryWhatWasFenced) {
  const std::string load =
      "mapa.shared::cluster.u32 %r4, %s, %r3;\nld.shared::cluster.u32 %r5, [%r4];";
  const std::string relaxed = "barrier.cluster.arrive.relaxed;\nbarrier.cluster.wait;\n";
  EXPECT_EQ(ClusterRun(ring(load, "fence.acq_rel.cluster;\n" + relaxed)).fault(), "");
  EXPECT_NE(ClusterRun(ring(load, relaxed)).fault().find("is not ordered after the write"),
            std::string::npos);
}

TEST(Cluster, AddressesTellTheirCta) {
  ClusterRun run(
      "mov.u32 %r1, 2;\nmapa.shared::cluster.u32 %r2, %s, %r1;\ngetctarank.shared::cluster.u32 "
      "%r3, %r2;\ngetctarank.shared::cluster.u32 %r4, %s;\ncvt.u64.u32 %t1, %r2;\ncvta.shared.u64 "
      "%t1, %t1;\nisspacep.shared::cluster %p1, %t1;\nisspacep.shared::cta %p2, %t1;\nselp.u32 "
      "%r5, 1, 0, %p1;\nselp.u32 %r6, 1, 0, %p2;\ngetctarank.u64 %r7, %t1;\nmad.lo.u32 %r3, %r3, "
      "10, %r4;\nmad.lo.u32 %r3, %r3, 10, %r5;\nmad.lo.u32 %r3, %r3, 10, %r6;\nmad.lo.u32 %r3, "
      "%r3, 10, %r7;\nst.global.u32 [%o], %r3;");
  ASSERT_EQ(run.go().state, GridState::finished);
  for (std::uint32_t cta = 0; cta < 4; ++cta) {
    EXPECT_EQ(run.value(cta, 0), 20102 + cta * 1000 + (cta == 2 ? 10U : 0U));
  }
}

// CTA 0 counts arrivals of all threads of all CTAs.
TEST(Cluster, ThreadsArriveOnMbarriersOfOtherCtas) {
  for (const char* arrive : {"mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r2];",
                             "mbarrier.arrive.shared::cluster.b64 _, [%r2], 1;",
                             "mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [%r2];",
                             "mbarrier.expect_tx.relaxed.cluster.shared::cluster.b64 [%r2], 16;\n"
                             "mbarrier.complete_tx.shared::cluster.b64 [%r2], 16;\n"
                             "mbarrier.arrive.shared::cluster.b64 _, [%r2];"}) {
    ClusterRun run(std::string("setp.eq.u32 %p1, %i, 0;\n@%p1 mbarrier.init.shared.b64 [b], "
                               "128;\n") +
                   kBarrier +
                   "mov.u32 %r1, b;\nmov.u32 %r3, 0;\nmapa.shared::cluster.u32 %r2, "
                   "%r1, %r3;\n" +
                   arrive +
                   "\nsetp.ne.u32 %p2, %c, 0;\n@%p2 bra DONE;\nWAIT:\n"
                   "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p3, [b], 0;\n"
                   "@!%p3 bra WAIT;\nst.global.u32 [%o], 5;\nDONE:\n" +
                   kBarrier);
    const Outcome outcome = run.go();
    ASSERT_EQ(outcome.state, GridState::finished) << (outcome.fault ? outcome.fault->message : "");
    EXPECT_EQ(run.value(0, 3), 5U);
    EXPECT_EQ(run.value(4, 31), 5U);
  }
}

// CTA 0 is gone when the others arrive on its mbarrier: noted, not more.
TEST(Cluster, ArrivalsOnACtaThatHasExitedAreLost) {
  ClusterRun run(std::string("setp.eq.u32 %p1, %i, 0;\n@%p1 mbarrier.init.shared.b64 [b], 1;\n") +
                 kBarrier +
                 "setp.eq.u32 %p2, %c, 0;\n@%p2 ret;\nmov.u32 %r4, 0;\nL:\nadd.u32 %r4, %r4, "
                 "1;\nsetp.lt.u32 %p3, %r4, 4000;\n@%p3 bra L;\nmov.u32 %r1, b;\nmov.u32 %r3, "
                 "0;\nmapa.shared::cluster.u32 %r2, %r1, %r3;\nmbarrier.arrive.shared::cluster.b64 "
                 "_, [%r2];\nst.global.u32 [%o], 3;");
  ::testing::internal::CaptureStderr();
  const GridState state = run.go().state;
  const std::string noted = ::testing::internal::GetCapturedStderr();
  ASSERT_EQ(state, GridState::finished);
  EXPECT_EQ(run.value(3, 7), 3U);
  EXPECT_NE(noted.find("arrives at an mbarrier of CTA rank 0 of the cluster, which has exited"),
            std::string::npos)
      << noted;
}

TEST(Cluster, MisuseIsNamed) {
  const std::pair<std::string, const char*> cases[] = {
      {"mov.u32 %r1, 4;\nmapa.shared::cluster.u32 %r2, %s, %r1;", "cluster of 4 CTAs"},
      {"barrier.cluster.arrive;\nbarrier.cluster.arrive;", "arrives at the cluster barrier again"},
      {"barrier.cluster.wait;", "without having arrived"},
      {"mov.u32 %r1, 1;\nmapa.shared::cluster.u32 %r2, %s, %r1;\nsetp.eq.u32 %p1, %c, 0;\n@%p1 "
       "ld.shared.u32 %r3, [%r2];",
       "lies in CTA rank 1"},
      {"setp.ne.u32 %p1, %c, 0;\n@%p1 ret;\nmov.u32 %r4, 0;\nL:\nadd.u32 %r4, %r4, 1;\nsetp.lt.u32 "
       "%p2, %r4, 4000;\n@%p2 bra L;\nmov.u32 %r1, 1;\nmapa.shared::cluster.u32 %r2, %s, "
       "%r1;\nst.shared::cluster.u32 [%r2], 1;",
       "has exited"},
      {"mov.u32 %r1, 1;\nmapa.shared::cluster.u32 %r2, %s, %r1;\nst.shared::cluster.u32 "
       "[%r2+4096], 1;",
       "outside the shared memory"},
      {"mov.u32 %r2, 0x5000400;\nst.shared::cluster.u32 [%r2], 1;", "in CTA rank 5"},
      {"setp.eq.u32 %p1, %c, 1;\n@%p1 bra L;\nbarrier.cluster.arrive;\nbarrier.cluster.wait;\nret;"
       "\nL:\nmbarrier.init.shared.b64 [b], 2;\nW:\nmbarrier.try_wait.parity.shared.b64 %p2, [b], "
       "0;\n@!%p2 bra W;",
       "(its phase 0 lacks 2 of 2 arrivals and 0 bytes of transactions)"},
  };
  for (const auto& [body, part] : cases) {
    ClusterRun run(body, {4, 1, 1}, body.find("mbarrier") != std::string::npos ? 1 : 32);
    const std::string message = run.fault();
    EXPECT_NE(message.find(part), std::string::npos) << body << "\n: " << message;
  }
}

// A cluster waits for room for all its CTAs; %clusterid comes in order.
TEST(Cluster, IsResidentAsAWhole) {
  ClusterRun run(ring("mapa.shared::cluster.u32 %r4, %s, %r3;\nld.shared::cluster.u32 %r5, [%r4];"),
                 {8, 1, 1});
  run.runner.config().resident_blocks = 8;
  EXPECT_EQ(run.go().state, GridState::finished);
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

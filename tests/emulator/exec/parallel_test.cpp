// CTAs side by side on two host threads: everything that can be observed is as on one.
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

constexpr std::uint32_t kCtas = 150;
constexpr std::uint32_t kThreads = 96;

// Each CTA works for a while (the longer the higher its index, modulo 7), sums over its threads in
// shared memory, then communicates: a ticket, a sum of floats whose order shows in its last bits,
// the clock.
std::string text() {
  return header() + R"(
.visible .entry k(.param .u64 out, .param .u64 shared_by_all)
{
  .reg .pred %p<4>;
  .reg .b32 %r<20>;
  .reg .f32 %f<4>;
  .reg .b64 %rd<12>;
  .shared .align 4 .b8 sum[512];
  ld.param.u64 %rd1, [out];
  ld.param.u64 %rd2, [shared_by_all];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  rem.u32 %r3, %r2, 7;
  mad.lo.u32 %r3, %r3, 40, 5;
  mov.u32 %r4, %r1;
LOOP:
  mad.lo.u32 %r4, %r4, 1664525, 1013904223;
  and.b32 %r15, %r4, 64;
  setp.eq.u32 %p1, %r15, 0;
  @%p1 bra SKIP;
  xor.b32 %r4, %r4, %r2;
SKIP:
  sub.u32 %r3, %r3, 1;
  setp.ne.u32 %p2, %r3, 0;
  @%p2 bra LOOP;
  shl.b32 %r5, %r1, 2;
  mov.u32 %r6, sum;
  add.u32 %r7, %r6, %r5;
  st.shared.u32 [%r7], %r4;
  bar.sync 0;
  setp.ne.u32 %p3, %r1, 0;
  @%p3 bra DONE;
  mov.u32 %r8, 0;
  mov.u32 %r9, 0;
ADD:
  ld.shared.u32 %r10, [%r6];
  add.u32 %r8, %r8, %r10;
  add.u32 %r6, %r6, 4;
  add.u32 %r9, %r9, 1;
  setp.lt.u32 %p1, %r9, 96;
  @%p1 bra ADD;
  atom.global.add.u32 %r11, [%rd2], 1;
  cvt.rn.f32.u32 %f1, %r8;
  mul.f32 %f1, %f1, 0f2F800001;
  red.global.add.f32 [%rd2+4], %f1;
  mov.u64 %rd3, %clock64;
  mad.wide.u32 %rd4, %r2, 16, %rd1;
  st.global.v2.u32 [%rd4], {%r8, %r11};
  st.global.u64 [%rd4+8], %rd3;
DONE:
  ret;
}
// All CTAs wait for each other, then read what their neighbour wrote.
.visible .entry meet(.param .u64 out, .param .u64 count)
{
  .reg .pred %p<3>;
  .reg .b32 %r<12>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [out];
  ld.param.u64 %rd2, [count];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %nctaid.x;
  mul.wide.u32 %rd3, %r1, 8;
  add.u64 %rd4, %rd1, %rd3;
  mul.lo.u32 %r3, %r1, 3;
  st.global.u32 [%rd4], %r3;
  membar.gl;
  red.global.add.u32 [%rd2], 1;
WAIT:
  ld.volatile.global.u32 %r4, [%rd2];
  setp.lt.u32 %p1, %r4, %r2;
  @%p1 bra WAIT;
  membar.gl;
  add.u32 %r5, %r1, 1;
  rem.u32 %r5, %r5, %r2;
  mul.wide.u32 %rd5, %r5, 8;
  add.u64 %rd6, %rd1, %rd5;
  ld.global.u32 %r6, [%rd6];
  st.global.u32 [%rd4+4], %r6;
  ret;
}
// CTAs 40 and 41 write far outside.
.visible .entry stray(.param .u64 out)
{
  .reg .pred %p<2>;
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  mov.u32 %r1, %ctaid.x;
  shr.u32 %r2, %r1, 1;
  setp.eq.u32 %p1, %r2, 20;
  @%p1 add.u64 %rd1, %rd1, 0x40000000;
  mad.wide.u32 %rd2, %r1, 4, %rd1;
  st.global.u32 [%rd2], %r1;
  ret;
}
)";
}

struct Observed {
  std::vector<std::byte> memory;
  GridCounters counters;
  std::string fault;
};

Observed observe(std::uint32_t threads, std::uint64_t seed) {
  KernelRunner runner(text());
  Buffer out(runner.addresses(), kCtas * 16);
  Buffer common(runner.addresses(), 64);
  runner.config().threads = threads;
  runner.config().seed = seed;
  runner.config().grid = {kCtas, 1, 1};
  runner.config().block = {kThreads, 1, 1};
  runner.config().checks = {.bounds = true, .shared_init = false, .races = false};
  const Outcome outcome = runner.run("k", out.address(), common.address());
  EXPECT_EQ(outcome.state, GridState::finished);
  Observed observed{std::vector<std::byte>(kCtas * 16 + 64), outcome.counters, {}};
  std::copy_n(out.as<std::byte>(), kCtas * 16, observed.memory.begin());
  std::copy_n(common.as<std::byte>(), 64, observed.memory.begin() + kCtas * 16);
  return observed;
}

void expect_same(const GridCounters& one, const GridCounters& two) {
  EXPECT_EQ(one.warp_instructions, two.warp_instructions);
  EXPECT_EQ(one.thread_instructions, two.thread_instructions);
  EXPECT_EQ(one.fp32_flops, two.fp32_flops);
  EXPECT_EQ(one.global_requests, two.global_requests);
  EXPECT_EQ(one.global_sectors, two.global_sectors);
  EXPECT_EQ(one.global_store_bytes, two.global_store_bytes);
  EXPECT_EQ(one.unique_global_bytes, two.unique_global_bytes);
  EXPECT_EQ(one.shared_requests, two.shared_requests);
  EXPECT_EQ(one.shared_wavefronts, two.shared_wavefronts);
  EXPECT_EQ(one.barrier_waits, two.barrier_waits);
  EXPECT_EQ(one.ctas, two.ctas);
  EXPECT_EQ(one.warps, two.warps);
}

TEST(Parallel, ResultsCountersAndClocksDoNotDependOnThreads) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Observed one = observe(1, seed);
    EXPECT_EQ(one.counters.ctas, kCtas);
    EXPECT_GT(one.counters.unique_global_bytes, 0U);
    for (const std::uint32_t threads : {2U, 2U, 5U}) {
      const Observed several = observe(threads, seed);
      EXPECT_TRUE(one.memory == several.memory) << threads << " threads, seed " << seed;
      expect_same(one.counters, several.counters);
    }
  }
}

TEST(Parallel, CtasThatWaitForEachOtherMeet) {
  for (const std::uint32_t threads : {1U, 2U}) {
    KernelRunner runner(text());
    Buffer out(runner.addresses(), 40 * 8);
    Buffer count(runner.addresses(), 64);
    runner.config().threads = threads;
    runner.config().grid = {40, 1, 1};
    runner.config().block = {1, 1, 1};
    runner.config().resident_blocks = 64;
    runner.config().checks = {.bounds = true, .shared_init = false, .races = false};
    ASSERT_EQ(runner.run("meet", out.address(), count.address()).state, GridState::finished);
    for (std::uint32_t i = 0; i < 40; ++i) {
      EXPECT_EQ(out.as<std::uint32_t>()[2 * i + 1], (i + 1) % 40 * 3);
    }
  }
}

TEST(Parallel, TheSameFaultIsReported) {
  std::string first;
  for (const std::uint32_t threads : {1U, 2U, 2U, 2U}) {
    KernelRunner runner(text());
    Buffer out(runner.addresses(), 100 * 4);
    runner.config().threads = threads;
    runner.config().grid = {100, 1, 1};
    runner.config().checks = {.bounds = true, .shared_init = false, .races = false};
    const Outcome outcome = runner.run("stray", out.address());
    ASSERT_EQ(outcome.state, GridState::faulted);
    // Addresses differ from run to run; the CTA must not.
    const std::string message = outcome.fault->message;
    const std::string where = message.substr(0, message.find("thread"));
    first = first.empty() ? where : first;
    EXPECT_EQ(where, first);
    EXPECT_NE(where.find("CTA (4"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

// tcgen05 in kernels: a product of one tile by one CTA and by a pair, in all orderings of
// asynchronous operations; and what breaks the rules (PTX ISA 9.0, section 9.7.16).
#include "emulator/check/tensor_order.hpp"
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

constexpr std::uint32_t kRows = 128;  // of A and D in each CTA
constexpr std::uint32_t kColumns = 32;
constexpr std::uint32_t kK = 16;

// Thread t copies its 32 bytes of A, and of B those below the number of lines, to the layout
// without swizzle; thread 0 multiplies; all load their lane of D.
std::string tile_kernel(std::uint32_t cta_group) {
  const std::string group = "cta_group::" + std::to_string(cta_group);
  const std::string cluster = cta_group == 2 ? "barrier.cluster.arrive.aligned;\n"
                                               "barrier.cluster.wait.aligned;\n"
                                             : "bar.sync 0;\n";
  const std::uint32_t descriptor = 1U << 4 | kColumns / 8 << 17 | kRows * cta_group / 16 << 24;
  std::string columns;
  for (std::uint32_t i = 0; i < kColumns; ++i) {
    columns += (i == 0 ? "%d" : ", %d") + std::to_string(i);
  }
  std::string text =
      header("sm_100a") +
      ".visible .entry k(.param .u64 a, .param .u64 b, .param .u64 d)\n{\n.reg .b32 %r<40>;\n"
      ".reg .b32 %d<40>;\n.reg .b64 %x<20>;\n.reg .pred %p<8>;\n"
      ".shared .align 1024 .b8 tile_a[4096];\n.shared .align 1024 .b8 tile_b[1024];\n"
      ".shared .align 8 .b64 barrier;\n.shared .b32 address;\n"
      "mov.u32 %r0, %tid.x;\nmov.u32 %r1, %cluster_ctarank;\nsetp.eq.u32 %p0, %r0, 0;\n"
      "setp.lt.u32 %p1, %r0, 32;\nsetp.eq.and.u32 %p2, %r1, 0, %p0;\n"
      "mov.u32 %r20, tile_a;\nmov.u32 %r21, tile_b;\nmov.u32 %r22, barrier;\n"
      "mov.u32 %r23, address;\n"
      // Row t: 8 rows x 16 bytes, then the second half of K.
      "shr.u32 %r2, %r0, 3;\nshl.b32 %r2, %r2, 8;\nand.b32 %r3, %r0, 7;\nshl.b32 %r3, %r3, 4;\n"
      "add.u32 %r2, %r2, %r3;\n"
      "ld.param.u64 %x0, [a];\nld.param.u64 %x1, [b];\nld.param.u64 %x2, [d];\n"
      "shl.b32 %r4, %r1, 7;\nadd.u32 %r4, %r4, %r0;\nmul.wide.u32 %x3, %r4, 32;\n"
      "add.u64 %x0, %x0, %x3;\n"
      "ld.global.v4.b32 {%r8, %r9, %r10, %r11}, [%x0];\n"
      "ld.global.v4.b32 {%r12, %r13, %r14, %r15}, [%x0+16];\nadd.u32 %r5, %r20, %r2;\n"
      "st.shared.v4.b32 [%r5], {%r8, %r9, %r10, %r11};\n"
      "st.shared.v4.b32 [%r5+128], {%r12, %r13, %r14, %r15};\n"
      "setp.lt.u32 %p3, %r0, " +
      std::to_string(kColumns / cta_group) +
      ";\n"
      "mul.lo.u32 %r4, %r1, " +
      std::to_string(kColumns / cta_group) +
      ";\n"
      "add.u32 %r4, %r4, %r0;\nmul.wide.u32 %x3, %r4, 32;\nadd.u64 %x1, %x1, %x3;\n"
      "@%p3 ld.global.v4.b32 {%r8, %r9, %r10, %r11}, [%x1];\n"
      "@%p3 ld.global.v4.b32 {%r12, %r13, %r14, %r15}, [%x1+16];\nadd.u32 %r5, %r21, %r2;\n"
      "@%p3 st.shared.v4.b32 [%r5], {%r8, %r9, %r10, %r11};\n"
      "@%p3 st.shared.v4.b32 [%r5+128], {%r12, %r13, %r14, %r15};\n"
      "@%p0 mbarrier.init.shared::cta.b64 [%r22], 1;\n"
      "@%p0 fence.mbarrier_init.release.cluster;\n"
      "fence.proxy.async.shared::cta;\n"
      "@!%p1 bra AFTER_ALLOC;\n"
      "tcgen05.alloc." +
      group +
      ".sync.aligned.shared::cta.b32 [%r23], 32;\n"
      "tcgen05.relinquish_alloc_permit." +
      group +
      ".sync.aligned;\n"
      "AFTER_ALLOC:\n"
      "tcgen05.fence::before_thread_sync;\n" +
      cluster +
      "tcgen05.fence::after_thread_sync;\n"
      "ld.shared.b32 %r24, [%r23];\n"
      "@!%p2 bra AFTER_MMA;\n"
      // Descriptors: start, leading 128, stride 256, version 1.
      "shr.u32 %r25, %r20, 4;\ncvt.u64.u32 %x4, %r25;\nand.b64 %x4, %x4, 0x3fff;\n"
      "or.b64 %x4, %x4, 0x0000401000080000;\n"
      "shr.u32 %r25, %r21, 4;\ncvt.u64.u32 %x5, %r25;\nand.b64 %x5, %x5, 0x3fff;\n"
      "or.b64 %x5, %x5, 0x0000401000080000;\n"
      "mov.b32 %r26, " +
      std::to_string(descriptor) +
      ";\nsetp.ne.u32 %p4, %r0, 0;\n"
      "tcgen05.mma." +
      group +
      ".kind::f16 [%r24], %x4, %x5, %r26, %p4;\n"
      "setp.eq.u32 %p4, %r0, 0;\n"
      "tcgen05.mma." +
      group + ".kind::f16 [%r24], %x4, %x5, %r26, %p4;\n" +
      (cta_group == 2
           ? "mov.b16 %h0, 3;\ntcgen05.commit.cta_group::2.mbarrier::arrive::one."
             "shared::cluster.multicast::cluster.b64 [%r22], %h0;\n"
           : "tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%r22];\n") +
      "AFTER_MMA:\n"
      "WAIT:\nmbarrier.try_wait.parity.shared::cta.b64 %p5, [%r22], 0;\n@!%p5 bra WAIT;\n"
      "tcgen05.fence::after_thread_sync;\n"
      "and.b32 %r27, %r0, 96;\nshl.b32 %r27, %r27, 16;\nadd.u32 %r27, %r27, %r24;\n"
      "tcgen05.ld.sync.aligned.32x32b.x32.b32 {" +
      columns +
      "}, [%r27];\n"
      "tcgen05.wait::ld.sync.aligned;\n"
      "shl.b32 %r4, %r1, 7;\nadd.u32 %r4, %r4, %r0;\nmul.wide.u32 %x3, %r4, 128;\n"
      "add.u64 %x2, %x2, %x3;\n";
  for (std::uint32_t i = 0; i < kColumns; ++i) {
    text += "st.global.b32 [%x2+" + std::to_string(4 * i) + "], %d" + std::to_string(i) + ";\n";
  }
  text += "tcgen05.fence::before_thread_sync;\n" + cluster + "@!%p1 bra END;\ntcgen05.dealloc." +
          group + ".sync.aligned.b32 %r24, 32;\nEND:\nret;\n}\n";
  const std::size_t registers = text.find(".reg .pred");
  text.insert(registers, ".reg .b16 %h<2>;\n");
  return text;
}

std::uint16_t half_of(int value) {  // an integer below 8
  if (value == 0) {
    return 0;
  }
  const auto magnitude = static_cast<unsigned>(value < 0 ? -value : value);
  const auto exponent = static_cast<unsigned>(std::bit_width(magnitude)) - 1;
  return static_cast<std::uint16_t>((value < 0 ? 0x8000U : 0U) | (exponent + 15) << 10 |
                                    ((magnitude << (10 - exponent)) & 0x3ffU));
}
int element(std::uint32_t row, std::uint32_t k, std::uint32_t seed) {
  return static_cast<int>((row * 5 + k * 3 + row * k + seed) % 11) - 5;
}

Outcome run_tile(const std::string& text, std::uint32_t cta_group, async::Ordering ordering,
                 std::uint64_t seed, bool& right) {
  KernelRunner runner(text, 100);
  Buffer a(runner.addresses(), std::size_t{kRows} * cta_group * kK * 2);
  Buffer b(runner.addresses(), std::size_t{kColumns} * kK * 2);
  Buffer d(runner.addresses(), std::size_t{kRows} * cta_group * kColumns * 4);
  for (std::uint32_t k = 0; k < kK; ++k) {
    for (std::uint32_t row = 0; row < kRows * cta_group; ++row) {
      a.as<std::uint16_t>()[row * kK + k] = half_of(element(row, k, 1));
    }
    for (std::uint32_t row = 0; row < kColumns; ++row) {
      b.as<std::uint16_t>()[row * kK + k] = half_of(element(row, k, 4));
    }
  }
  runner.config().block = {128, 1, 1};
  runner.config().grid = {cta_group, 1, 1};
  runner.config().cluster = {cta_group, 1, 1};
  runner.config().ordering = ordering;
  runner.config().seed = seed;
  const Outcome outcome = runner.run("k", a.address(), b.address(), d.address());
  right = true;
  for (std::uint32_t row = 0; row < kRows * cta_group; ++row) {
    for (std::uint32_t column = 0; column < kColumns; ++column) {
      int sum = 0;
      for (std::uint32_t k = 0; k < kK; ++k) {
        sum += element(row, k, 1) * element(column, k, 4);
      }
      right = right && d.as<float>()[row * kColumns + column] == static_cast<float>(2 * sum);
    }
  }
  return outcome;
}

TEST(Tcgen05, ProductsInAllOrderings) {
  for (const std::uint32_t cta_group : {1U, 2U}) {
    const std::string text = tile_kernel(cta_group);
    for (const auto ordering :
         {async::Ordering::eager, async::Ordering::late, async::Ordering::random}) {
      for (std::uint64_t seed = 0; seed < (ordering == async::Ordering::random ? 6 : 1); ++seed) {
        bool right = false;
        const Outcome outcome = run_tile(text, cta_group, ordering, seed, right);
        EXPECT_EQ(outcome.state, GridState::finished)
            << (outcome.fault ? outcome.fault->message : "");
        EXPECT_TRUE(right) << cta_group << ' ' << static_cast<int>(ordering) << ' ' << seed;
        EXPECT_EQ(outcome.counters.mma_flops_f16, 2.0 * 2 * kRows * cta_group * kColumns * kK);
      }
    }
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}
std::string finding(const std::string& text) {
  bool right = false;
  const Outcome outcome = run_tile(text, 1, async::Ordering::late, 0, right);
  EXPECT_TRUE(right || outcome.fault.has_value());
  return outcome.fault ? outcome.fault->message : "";
}

// Much code that works has no fence before, or none at all; who has one before means both.
TEST(Tcgen05, FencesBeforeDemandFencesAfter) {
  const std::string before = "tcgen05.fence::before_thread_sync;\n";
  const std::string after = "tcgen05.fence::after_thread_sync;\n";
  const std::string text = tile_kernel(1);
  EXPECT_EQ(finding(replaced(text, before, "")), "");
  EXPECT_EQ(finding(replaced(replaced(text, before, ""), after, "")), "");
  EXPECT_NE(finding(replaced(text, after, "")).find("tcgen05.fence::after_thread_sync"),
            std::string::npos);
  // Fences around the barrier behind the allocation alone are no sign of others.
  std::string around = text;
  around.erase(around.rfind(before), before.size());
  around.erase(around.rfind(after), after.size());
  EXPECT_EQ(finding(around), "");
  // Warps that execute none, in a kernel that has one for others.
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(finding(replaced(text, after, "setp.ne.u32 %p7, %r0, %r0;\n@%p7 " + after)), "");
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("not demanded of warps"),
            std::string::npos);
}

// The first product has a commit of its own, which nobody waits for; that of the second covers it.
TEST(Tcgen05, CommitsCoverAllEarlierOperations) {
  std::string text = tile_kernel(1);
  const std::pair<std::string, std::string> changes[] = {
      {".shared .b32 address;\n", ".shared .b32 address;\n.shared .align 8 .b64 other;\n"},
      {"@%p0 fence.mbarrier_init",
       "@%p0 mbarrier.init.shared::cta.b64 [other], 1;\n@%p0 fence.mbarrier_init"},
      {"setp.eq.u32 %p4, %r0, 0;\n",
       "tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [other];\n"
       "setp.eq.u32 %p4, %r0, 0;\n"},
      {"and.b32 %r27, %r0, 96;\n",
       "setp.eq.u32 %p6, %r0, 64;\n@%p6 st.shared.b32 [tile_a], %r0;\nand.b32 %r27, %r0, 96;\n"}};
  for (const auto& [from, to] : changes) {
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text = replaced(text, from, to);
  }
  EXPECT_EQ(finding(text), "");
  EXPECT_NE(finding(replaced(text, "@!%p5 bra WAIT;\n", "")).find("not ordered after"),
            std::string::npos);
}

// What is wrong, and a part of what is said about it.
struct Broken {
  std::string name;
  std::string from;
  std::string to;
  std::string finding;
};
void PrintTo(const Broken& broken, std::ostream* out) {
  *out << broken.name;
}
class BrokenTile : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenTile, IsFound) {
  std::string text = tile_kernel(1);
  const std::size_t at = text.find(GetParam().from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, GetParam().from.size(), GetParam().to);
  bool right = false;
  const Outcome outcome = run_tile(text, 1, async::Ordering::late, 0, right);
  ASSERT_TRUE(outcome.fault.has_value());
  EXPECT_NE(outcome.fault->message.find(GetParam().finding), std::string::npos)
      << outcome.fault->message;
}

// Registers of a load that are used before the wait: noted where a kernel has none at all.
TEST(Tcgen05, EarlyUsesAreNoted) {
  const std::string wait = "tcgen05.wait::ld.sync.aligned;\n";
  for (const auto& [instead, is_noted] : {std::pair<std::string, bool>{"", true},
                                          {"mov.b32 %d0, %d1;\nadd.u32 %r6, %d0, 1;\n", true},
                                          {"add.u32 %r6, %d0, 1;\n" + wait, false}}) {
    std::string text = tile_kernel(1);
    text.replace(text.find(wait), wait.size(), instead);
    ::testing::internal::CaptureStderr();
    bool right = false;
    const Outcome outcome = run_tile(text, 1, async::Ordering::late, 0, right);
    const std::string noted = ::testing::internal::GetCapturedStderr();
    EXPECT_FALSE(outcome.fault.has_value()) << outcome.fault->message;
    EXPECT_EQ(noted.find("is used before tcgen05.wait::ld") != std::string::npos, is_noted)
        << noted;
  }
}

// Where more than one place lacks the wait, the first use of a register ends its load.
TEST(Tcgen05, RegistersAreFollowed) {
  const std::string wait = "tcgen05.wait::ld.sync.aligned;\n";
  std::string text = tile_kernel(1);
  const std::size_t begin = text.rfind("tcgen05.ld.");
  const std::size_t end = text.find(wait);
  const std::string load = text.substr(begin, end - begin);
  text.replace(end, wait.size(),
               wait + load + "add.u32 %r6, %d0, 1;\n" + load + "add.u32 %r6, %d1, 1;\n" + load);
  bool right = false;
  Outcome outcome = run_tile(text, 1, async::Ordering::late, 0, right);
  EXPECT_FALSE(outcome.fault.has_value()) << outcome.fault->message;
  EXPECT_TRUE(right);

  // The stores of the results move behind the deallocation by another warp.
  const std::size_t stores = text.find("st.global.b32 [%x2+0]");
  const std::size_t rest = text.find("tcgen05.fence::before_thread_sync", stores);
  const std::string uses = text.substr(stores, rest - stores);
  text.erase(stores, rest - stores);
  text = replaced(text, "END:\n", "END:\nbar.sync 1;\n" + uses);
  outcome = run_tile(text, 1, async::Ordering::late, 0, right);
  ASSERT_TRUE(outcome.fault.has_value());
  EXPECT_NE(outcome.fault->message.find("after its columns were given to"), std::string::npos)
      << outcome.fault->message;
}

// barrier.cluster waits for threads that end: what they waited for is over behind it.
TEST(Tcgen05, ThreadsThatEndArriveAtTheCluster) {
  std::string text = tile_kernel(2);
  const std::string fence = "tcgen05.fence::before_thread_sync;\n";
  const std::size_t last = text.rfind(fence);
  const std::size_t dealloc = text.find("@!%p1 bra END;\n", last);
  text.replace(last, dealloc - last,
               "LAST:\n@!%p1 bra END;\nbarrier.cluster.arrive.release.aligned;\n"
               "barrier.cluster.wait.acquire.aligned;\n");
  text = replaced(text, "WAIT:\n", "@%p1 bra LAST;\nWAIT:\n");
  bool right = false;
  Outcome outcome = run_tile(text, 2, async::Ordering::late, 0, right);
  EXPECT_FALSE(outcome.fault.has_value()) << outcome.fault->message;
  outcome = run_tile(replaced(text, "@!%p5 bra WAIT;\n", "bra END;\n"), 2, async::Ordering::late, 0,
                     right);
  ASSERT_TRUE(outcome.fault.has_value());
  EXPECT_NE(outcome.fault->message.find("not ordered after"), std::string::npos)
      << outcome.fault->message;
}

// An address in lanes 0 to 31 is the warp's own, whichever warp it is.
TEST(Tcgen05, LanesOfTheWarp) {
  bool right = false;
  const Outcome outcome =
      run_tile(replaced(tile_kernel(1), "and.b32 %r27, %r0, 96;", "mov.b32 %r27, 0;"), 1,
               async::Ordering::late, 0, right);
  EXPECT_FALSE(outcome.fault.has_value()) << outcome.fault->message;
  EXPECT_TRUE(right);
}

// What one warp stores for another may be read without tcgen05.wait::st, if they synchronise.
TEST(Tcgen05, StoresForOtherWarps) {
  for (const bool by_tensor_core : {false, true}) {
    check::TensorOrder order;
    check::TensorAccess store{.actor = 1,
                              .warp = 0,
                              .time = 5,
                              .state = check::TensorAccess::State::in_flight,
                              .writes = true};
    ASSERT_FALSE(order.touch(order.add(store), 0, 32, 0, 2, true, {}));
    check::TensorAccess load{.actor = 1, .warp = 4, .is_pipe = by_tensor_core};
    EXPECT_TRUE(order.touch(order.add(load), 0, 32, 0, 2, false, {}).has_value());
    check::CtaKnowledge known;
    known.know_all(5);
    check::Clock knowledge;
    knowledge.set(1, known);
    EXPECT_EQ(order.touch(order.add(load), 0, 32, 0, 2, false, knowledge).has_value(),
              by_tensor_core);
    EXPECT_EQ(order.take_unawaited_store().has_value(), !by_tensor_core);
    EXPECT_FALSE(order.take_unawaited_store().has_value());
  }
}

// The address of the result may be generic, whatever the state space says: of it 32 bits count.
TEST(Tcgen05, GenericAddressOfTheAllocation) {
  std::string text = tile_kernel(2);
  const std::string narrow = "shared::cta.b32 [%r23], 32;\n";
  const std::size_t at = text.find(narrow);
  ASSERT_NE(at, std::string::npos);
  const std::size_t line = text.rfind("tcgen05.alloc", at);
  text.replace(at, narrow.size(), "shared::cta.b32 [%x19], 32;\n");
  text.insert(text.rfind('\n', line) + 1, "cvt.u64.u32 %x19, %r23;\ncvta.shared.u64 %x19, %x19;\n");
  bool right = false;
  const Outcome outcome = run_tile(text, 2, async::Ordering::late, 0, right);
  EXPECT_FALSE(outcome.fault.has_value()) << outcome.fault->message;
  EXPECT_TRUE(right);
}

const std::string kDealloc = "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r24, 32;\n";
INSTANTIATE_TEST_SUITE_P(
    Rules, BrokenTile,
    ::testing::Values(
        Broken{"Leak", kDealloc, "", "32 columns of tensor memory allocated"},
        Broken{"DeallocatedTwice", kDealloc, kDealloc + kDealloc, "no allocation begins there"},
        Broken{"WrongCount", kDealloc, "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r24, 64;\n",
               "has 32 columns"},
        Broken{"AllocatedAfterRelinquish",
               "tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;\n",
               "tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;\n"
               "tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r23], 32;\n",
               "given up its right"},
        Broken{"CountNoPower", "[%r23], 32;", "[%r23], 48;", "power of two from 32 to 512"},
        Broken{"GroupsMixed", "tcgen05.commit.cta_group::1", "tcgen05.commit.cta_group::2",
               "all of a kernel must have the same"},
        Broken{"LanesOfAnotherWarp", "and.b32 %r27, %r0, 96;", "and.b32 %r27, %r0, 32;",
               "which reaches lanes"},
        Broken{"OutsideTheAllocation", "add.u32 %r27, %r27, %r24;\n",
               "add.u32 %r27, %r27, %r24;\nadd.u32 %r27, %r27, 16;\n",
               "column 32 is not allocated"},
        Broken{"FreedBeforeTheWait", "tcgen05.wait::ld.sync.aligned;\n",
               "bra NOT_HERE;\ntcgen05.wait::ld.sync.aligned;\nNOT_HERE:\n",
               "tcgen05.wait::ld has to follow it"},
        Broken{"LoadedBeforeTheProduct", "@!%p5 bra WAIT;\n", "",
               "not ordered after the write by thread (0,0,0) of CTA (0,0,0) at PTX line"},
        Broken{"NoFenceAfter", "bra WAIT;\ntcgen05.fence::after_thread_sync;\n", "bra WAIT;\n",
               "tcgen05.fence::after_thread_sync"},
        Broken{"Uninitialised", "setp.ne.u32 %p4, %r0, 0;", "setp.eq.u32 %p4, %r0, 0;",
               "which nobody has written since its allocation"}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace rackproof::emulator::exec::testing

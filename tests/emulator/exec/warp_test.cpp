// Warp-wide and matrix instructions against their definitions.
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

using Lanes = std::array<std::uint32_t, 32>;

// Runs `body` in one warp: %r0 is the lane's input, %r1 becomes its output; %i is the lane.
Lanes run_warp(const std::string& body, const Lanes& input, std::uint32_t threads = 32) {
  KernelRunner runner(
      header("sm_80") +
      ".visible .entry k(.param .u64 out, .param .u64 in)\n{\n.reg .b32 %i, %r<12>;\n"
      ".reg .b64 %rd<5>;\n.reg .pred %p<6>;\nld.param.u64 %rd1, [out];\nld.param.u64 %rd2, [in];\n"
      "mov.u32 %i, %tid.x;\nmul.wide.u32 %rd3, %i, 4;\nadd.s64 %rd1, %rd1, %rd3;\nadd.s64 %rd2, "
      "%rd2, %rd3;\n"
      "ld.global.u32 %r0, [%rd2];\n" +
      body + "\nst.global.u32 [%rd1], %r1;\nret;\n}\n");
  Buffer out(runner.addresses(), 128);
  Buffer in(runner.addresses(), 128);
  std::copy(input.begin(), input.end(), in.as<std::uint32_t>());
  runner.config().block = {threads, 1, 1};
  const Outcome outcome = runner.run("k", out.address(), in.address());
  EXPECT_EQ(outcome.state, GridState::finished) << (outcome.fault ? outcome.fault->message : "");
  Lanes result;
  std::copy(out.as<std::uint32_t>(), out.as<std::uint32_t>() + 32, result.begin());
  return result;
}

Lanes random_lanes(std::uint32_t seed, std::uint32_t bound = 0xffffffff) {
  std::mt19937 random(seed);
  Lanes lanes;
  for (auto& lane : lanes) {
    lane = static_cast<std::uint32_t>(random()) % bound;
  }
  return lanes;
}

TEST(Warp, ShuffleModesSegmentsAndPredicates) {
  const Lanes input = random_lanes(1);
  const char* const modes[] = {"up", "down", "bfly", "idx"};
  for (int mode = 0; mode < 4; ++mode) {
    for (const std::uint32_t width : {32U, 16U, 8U, 4U}) {
      for (const std::uint32_t amount : {0U, 1U, 3U, 9U, 31U}) {
        // As CUDA's __shfl_sync does it: the clamp holds the segment's mask and its bound.
        const std::uint32_t clamp = (32 - width) << 8 | (mode == 0 ? 0U : 31U);
        const Lanes result =
            run_warp("shfl.sync." + std::string(modes[mode]) + ".b32 %r1|%p1, %r0, " +
                         std::to_string(amount) + ", " + std::to_string(clamp) +
                         ", -1;\n@!%p1 xor.b32 %r1, %r1, 0x80000000;",
                     input);
        for (std::uint32_t lane = 0; lane < 32; ++lane) {
          const std::uint32_t first = lane / width * width;
          const auto self = static_cast<int>(lane);
          const int source = mode == 0   ? self - static_cast<int>(amount)
                             : mode == 1 ? self + static_cast<int>(amount)
                             : mode == 2 ? static_cast<int>(lane ^ amount)
                                         : static_cast<int>(first + (amount & (width - 1)));
          const auto low = static_cast<int>(first);
          const auto high = static_cast<int>(first + width - 1);
          const bool valid = mode == 0 ? source >= low : source <= high;
          const std::uint32_t value = input[static_cast<std::size_t>(valid ? source : self)];
          ASSERT_EQ(result[lane], valid ? value : value ^ 0x80000000U)
              << modes[mode] << ' ' << width << ' ' << amount << ' ' << lane;
        }
      }
    }
  }
}

TEST(Warp, VotesInTilesOfTheirOwnMask) {
  // Each half-warp votes under its own mask in one instruction.
  const Lanes input = random_lanes(2, 2);
  const Lanes result = run_warp(
      "setp.lt.u32 %p1, %i, 16;\nselp.b32 %r2, 0xffff, 0xffff0000, %p1;\nsetp.ne.u32 %p2, %r0, 0;\n"
      "vote.sync.ballot.b32 %r1, %p2, %r2;\nvote.sync.any.pred %p3, %p2, %r2;\nvote.sync.all.pred "
      "%p4, !%p2, %r2;\n"
      "@!%p3 mov.u32 %r1, 77;\n@%p4 add.u32 %r1, %r1, 1;",
      input);
  for (std::uint32_t half = 0; half < 2; ++half) {
    std::uint32_t ballot = 0;
    for (std::uint32_t lane = 16 * half; lane < 16 * half + 16; ++lane) {
      ballot |= input[lane] << lane;
    }
    for (std::uint32_t lane = 16 * half; lane < 16 * half + 16; ++lane) {
      ASSERT_EQ(result[lane], ballot == 0 ? 78U : ballot);
    }
  }
}

TEST(Warp, DivergentLanesMeetAtASynchronisation) {
  // Both sides of a branch come together at one shfl behind it, after different work.
  const Lanes input = random_lanes(3);
  const Lanes result = run_warp(
      "and.b32 %r2, %i, 1;\nsetp.eq.u32 %p1, %r2, 0;\n@%p1 bra EVEN;\nadd.u32 %r0, %r0, "
      "5;\nmul.lo.u32 %r0, %r0, 3;\nbra MEET;\n"
      "EVEN:\nxor.b32 %r0, %r0, 9;\nMEET:\nshfl.sync.bfly.b32 %r1, %r0, 1, 31, -1;",
      input);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    const std::uint32_t other = lane ^ 1;
    ASSERT_EQ(result[lane], other % 2 == 0 ? input[other] ^ 9 : (input[other] + 5) * 3);
  }
}

TEST(Warp, EarlyLanesWaitForThoseThatComeFromBehind) {
  // The meeting point lies before the detour of the upper half: the lower half is there first.
  const Lanes input = random_lanes(6);
  const Lanes result = run_warp(
      "setp.ge.u32 %p1, %i, 16;\n@%p1 bra DETOUR;\nMEET:\nshfl.sync.bfly.b32 %r1, %r0, 16, 31, "
      "-1;\n"
      "bra END;\nDETOUR:\nadd.u32 %r0, %r0, 11;\nbra MEET;\nEND:",
      input);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    ASSERT_EQ(result[lane], lane < 16 ? input[lane + 16] + 11 : input[lane - 16]);
  }
}

TEST(Warp, BarrierAtDifferentInstructionsOrdersTheWarp) {
  const Lanes result = run_warp(
      ".shared .align 4 .b8 s[128];\nmov.u64 %rd4, s;\nadd.s64 %rd4, %rd4, %rd3;\nand.b32 %r2, %i, "
      "1;\nsetp.eq.u32 %p1, %r2, 0;\n"
      "@%p1 bra EVEN;\nst.shared.u32 [%rd4], %r0;\nbar.warp.sync -1;\nmov.u32 %r1, 0;\nbra END;\n"
      "EVEN:\nbar.warp.sync -1;\nld.shared.u32 %r1, [%rd4+4];\nEND:",
      random_lanes(4));
  const Lanes input = random_lanes(4);
  for (std::uint32_t lane = 0; lane < 32; lane += 2) {
    ASSERT_EQ(result[lane], input[lane + 1]);
  }
}

TEST(Warp, MatchAndReduce) {
  const Lanes input = random_lanes(5, 5);
  const Lanes match = run_warp("match.any.sync.b32 %r1, %r0, -1;", input);
  const Lanes sum = run_warp("redux.sync.add.s32 %r1, %r0, -1;", input);
  const Lanes low = run_warp("sub.u32 %r0, %r0, 2;\nredux.sync.min.s32 %r1, %r0, -1;", input);
  const Lanes all = run_warp(
      "mov.u32 %r0, 3;\nmatch.all.sync.b32 %r1|%p1, %r0, -1;\n@!%p1 mov.u32 %r1, 0;", input);
  std::uint32_t total = 0;
  for (const auto value : input) {
    total += value;
  }
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    std::uint32_t same = 0;
    for (std::uint32_t other = 0; other < 32; ++other) {
      same |= static_cast<std::uint32_t>(input[other] == input[lane]) << other;
    }
    ASSERT_EQ(match[lane], same);
    ASSERT_EQ(sum[lane], total);
    ASSERT_EQ(low[lane], *std::min_element(input.begin(), input.end()) - 2);
    ASSERT_EQ(all[lane], 0xffffffffU);
  }
}

// Element (row, column) of the fragments, by the figures of section 9.7.14.
struct Product {
  int k;
  int bits;
  const char* instruction;
  const char* target;
  std::uint32_t architecture;
  std::function<std::uint32_t(float)> encode;
};
std::uint32_t to_f16(float x) {
  if (x == 0) {
    return 0;
  }
  int exponent = 0;
  const float fraction = std::frexp(std::fabs(x), &exponent);
  return (x < 0 ? 0x8000U : 0U) | static_cast<std::uint32_t>(exponent + 14) << 10 |
         (static_cast<std::uint32_t>(fraction * 2048) & 0x3ff);
}
std::uint32_t to_bf16(float x) {
  return std::bit_cast<std::uint32_t>(x) >> 16;
}
std::uint32_t to_tf32(float x) {
  return std::bit_cast<std::uint32_t>(x);
}
std::uint32_t to_e4m3(float x) {
  if (x == 0) {
    return 0;
  }
  int exponent = 0;
  const float fraction = std::frexp(std::fabs(x), &exponent);
  return (x < 0 ? 0x80U : 0U) | static_cast<std::uint32_t>(exponent + 6) << 3 |
         (static_cast<std::uint32_t>(fraction * 16) & 7);
}

class MatrixProduct : public ::testing::TestWithParam<Product> {};

TEST_P(MatrixProduct, FragmentsGiveTheNaiveProduct) {
  const Product& p = GetParam();
  const int per_word = 32 / p.bits;
  const int a_words = 16 * p.k / 32 / per_word;
  const int b_words = a_words / 2;
  // Small integers: every order of summation is exact.
  std::mt19937 random(7);
  std::vector<float> a(static_cast<std::size_t>(16 * p.k));
  std::vector<float> b(static_cast<std::size_t>(p.k * 8));
  std::vector<float> c(16 * 8);
  for (auto* matrix : {&a, &b, &c}) {
    for (float& value : *matrix) {
      value = static_cast<float>(static_cast<int>(random() % 15) - 7);
    }
  }
  std::string registers;
  std::string loads;
  const auto list = [](const std::string& name, int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) {
      text += (i == 0 ? "" : ", ") + name + std::to_string(i);
    }
    return text + "}";
  };
  for (int i = 0; i < a_words; ++i) {
    loads += "ld.global.u32 %a" + std::to_string(i) + ", [%rd2+" + std::to_string(128 * i) + "];\n";
  }
  for (int i = 0; i < b_words; ++i) {
    loads += "ld.global.u32 %b" + std::to_string(i) + ", [%rd2+" +
             std::to_string(128 * (a_words + i)) + "];\n";
  }
  std::string stores;
  for (int i = 0; i < 4; ++i) {
    loads += "ld.global.f32 %c" + std::to_string(i) + ", [%rd2+" +
             std::to_string(128 * (a_words + b_words + i)) + "];\n";
    stores +=
        "st.global.f32 [%rd1+" + std::to_string(128 * i) + "], %c" + std::to_string(i) + ";\n";
  }
  KernelRunner runner(header(p.target) +
                          ".visible .entry k(.param .u64 out, .param .u64 in)\n{\n.reg .b32 %i, "
                          "%a<8>, %b<8>;\n.reg .f32 %c<8>;\n"
                          ".reg .b64 %rd<5>;\nld.param.u64 %rd1, [out];\nld.param.u64 %rd2, "
                          "[in];\nmov.u32 %i, %tid.x;\nmul.wide.u32 %rd3, %i, 4;\n"
                          "add.s64 %rd1, %rd1, %rd3;\nadd.s64 %rd2, %rd2, %rd3;\n" +
                          loads + p.instruction + " " + list("%c", 4) + ", " + list("%a", a_words) +
                          ", " + list("%b", b_words) + ", " + list("%c", 4) + ";\n" + stores +
                          "ret;\n}\n",
                      p.architecture);
  Buffer out(runner.addresses(), 128 * 4);
  Buffer in(runner.addresses(), 128 * 16);
  auto* words = in.as<std::uint32_t>();
  const auto pack = [&](const std::vector<float>& matrix, int row, int column, int columns,
                        int step_row, int step_column) {
    std::uint32_t word = 0;
    for (int j = 0; j < per_word; ++j) {
      word |= p.encode(matrix[static_cast<std::size_t>((row + j * step_row) * columns + column +
                                                       j * step_column)])
              << (j * p.bits);
    }
    return word;
  };
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane / 4;
    const int member = lane % 4;
    for (int i = 0; i < a_words; ++i) {
      words[32 * i + lane] =
          pack(a, group + (i % 2) * 8, member * per_word + (i / 2) * 4 * per_word, p.k, 0, 1);
    }
    for (int i = 0; i < b_words; ++i) {
      words[32 * (a_words + i) + lane] =
          pack(b, member * per_word + i * 4 * per_word, group, 8, 1, 0);
    }
    for (int i = 0; i < 4; ++i) {
      words[32 * (a_words + b_words + i) + lane] = std::bit_cast<std::uint32_t>(
          c[static_cast<std::size_t>((group + (i / 2) * 8) * 8 + member * 2 + i % 2)]);
    }
  }
  const Outcome outcome = runner.run("k", out.address(), in.address());
  ASSERT_EQ(outcome.state, GridState::finished) << (outcome.fault ? outcome.fault->message : "");
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + (i / 2) * 8;
      const int column = lane % 4 * 2 + i % 2;
      float expected = c[static_cast<std::size_t>(row * 8 + column)];
      for (int k = 0; k < p.k; ++k) {
        expected += a[static_cast<std::size_t>(row * p.k + k)] *
                    b[static_cast<std::size_t>(k * 8 + column)];
      }
      ASSERT_EQ(out.as<float>()[32 * i + lane], expected) << row << ' ' << column;
    }
  }
  EXPECT_EQ(outcome.counters.mma_flops_f16 + outcome.counters.mma_flops_tf32 +
                outcome.counters.mma_flops_fp8,
            2.0 * 16 * 8 * p.k);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, MatrixProduct,
    ::testing::Values(
        Product{16, 16, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", "sm_80", 80, to_f16},
        Product{8, 16, "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", "sm_80", 80, to_f16},
        Product{16, 16, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "sm_80", 80,
                to_bf16},
        Product{8, 16, "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", "sm_90", 90, to_bf16},
        Product{8, 32, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", "sm_80", 80, to_tf32},
        Product{4, 32, "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", "sm_80", 80, to_tf32},
        Product{32, 8, "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32", "sm_89", 89,
                to_e4m3}),
    [](const auto& test) { return "Case" + std::to_string(test.index); });

TEST(Warp, LoadMatrixDistributesRows) {
  // Matrix i, row r, column c holds 64 i + 8 r + c; the threads give rows in an order of their own.
  for (const bool transposed : {false, true}) {
    KernelRunner runner(
        header("sm_80") +
        ".visible .entry k(.param .u64 out)\n{\n.reg .b32 %i, %r<9>, %h<3>;\n.reg .b64 "
        "%rd<5>;\n.shared .align 16 .b8 s[512];\n"
        "ld.param.u64 %rd1, [out];\nmov.u32 %i, %tid.x;\nmul.wide.u32 %rd3, %i, 16;\nmov.u64 %rd2, "
        "s;\nadd.s64 %rd4, %rd2, %rd3;\n"
        // 16-byte row number %i: elements 8 i .. 8 i + 7.
        "shl.b32 %r1, %i, 3;\nadd.u32 %r2, %r1, 1;\nshl.b32 %r2, %r2, 16;\nor.b32 %r1, %r1, "
        "%r2;\nadd.u32 %r2, %r1, 0x20002;\n"
        "add.u32 %r3, %r1, 0x40004;\nadd.u32 %r4, %r1, 0x60006;\nst.shared.v4.u32 [%rd4], {%r1, "
        "%r2, %r3, %r4};\nbar.warp.sync -1;\n"
        "ldmatrix.sync.aligned.m8n8.x4." +
        std::string(transposed ? "trans." : "") +
        "shared.b16 {%r5, %r6, %r7, %r8}, [%rd4];\n"
        "add.s64 %rd1, %rd1, %rd3;\nst.global.v4.u32 [%rd1], {%r5, %r6, %r7, %r8};\nret;\n}\n");
    Buffer out(runner.addresses(), 512);
    const Outcome outcome = runner.run("k", out.address());
    ASSERT_EQ(outcome.state, GridState::finished) << outcome.fault->message;
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t word = out.as<std::uint32_t>()[4 * lane + i];
        for (std::uint32_t j = 0; j < 2; ++j) {
          const std::uint32_t row = transposed ? 2 * (lane % 4) + j : lane / 4;
          const std::uint32_t column = transposed ? lane / 4 : 2 * (lane % 4) + j;
          ASSERT_EQ(word >> (16 * j) & 0xffff, 64 * i + 8 * row + column) << lane << ' ' << i;
        }
      }
    }
    EXPECT_EQ(outcome.counters.shared_wavefronts,
              8U);  // four for the stores, four for the matrices
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing

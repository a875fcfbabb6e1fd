/// Matrix arithmetic, bit for bit: against vectors of an independent model, the tile path against
/// the element path, and a few results that can be checked by hand.

#include "emulator/tensor/mma.hpp"

#include "tests/emulator/tensor/vector_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace rackproof::emulator::tensor {
namespace {

struct VectorFile {
  const char* name;
  Generation generation;
  Format format;
  Accumulator accumulator;
};
void PrintTo(const VectorFile& file, std::ostream* out) {
  *out << file.name;
}

constexpr VectorFile kFiles[] = {
    {"mma_sm80_m16n8k16_f16_f32", Generation::ampere, Format::f16, Accumulator::f32},
    {"mma_sm80_m16n8k16_f16_f16", Generation::ampere, Format::f16, Accumulator::f16},
    {"mma_sm80_m16n8k16_bf16_f32", Generation::ampere, Format::bf16, Accumulator::f32},
    {"mma_sm80_m16n8k8_tf32_f32", Generation::ampere, Format::tf32, Accumulator::f32},
    {"mma_sm89_m16n8k32_e4m3_f32", Generation::ada, Format::e4m3, Accumulator::f32},
    {"mma_sm89_m16n8k32_e4m3_f16", Generation::ada, Format::e4m3, Accumulator::f16},
    {"mma_sm89_m16n8k32_e5m2_f32", Generation::ada, Format::e5m2, Accumulator::f32},
    {"mma_sm89_m16n8k32_e5m2_f16", Generation::ada, Format::e5m2, Accumulator::f16},
    {"mma_sm90_m16n8k16_f16_f32", Generation::hopper, Format::f16, Accumulator::f32},
    {"mma_sm90_m16n8k16_f16_f16", Generation::hopper, Format::f16, Accumulator::f16},
    {"mma_sm90_m16n8k16_bf16_f32", Generation::hopper, Format::bf16, Accumulator::f32},
    {"mma_sm90_m16n8k8_tf32_f32", Generation::hopper, Format::tf32, Accumulator::f32},
};

class MmaVectors : public testing::TestWithParam<VectorFile> {};

TEST_P(MmaVectors, ElementPathIsBitEqual) {
  const VectorFile& file = GetParam();
  const std::vector<Case> cases = read_cases(file.name);
  ASSERT_GE(cases.size(), 200U);
  for (const Case& one : cases) {
    std::uint32_t d = 0;
    multiply_accumulate(file.generation, file.format, file.accumulator,
                        {.m = 1, .n = 1, .k = static_cast<int>(one.a.size())}, one.a.data(),
                        one.b.data(), &one.c, &d);
    ASSERT_EQ(d, one.d) << one.line;
  }
}

// Eight cases fill the columns of one tile with a row each: their elements sit on the diagonal, and
// all others must equal what the element path says of that row and column.
TEST_P(MmaVectors, TilePathIsBitEqual) {
  const VectorFile& file = GetParam();
  const std::vector<Case> cases = read_cases(file.name);
  const std::size_t k = cases.at(0).a.size();
  constexpr std::size_t kSide = 8;
  for (std::size_t first = 0; first + kSide <= cases.size(); first += kSide) {
    std::vector<std::uint32_t> a;
    std::vector<std::uint32_t> b;
    std::vector<std::uint32_t> c(kSide * kSide);
    for (std::size_t i = 0; i < kSide; ++i) {
      const Case& one = cases[first + i];
      a.insert(a.end(), one.a.begin(), one.a.end());
      b.insert(b.end(), one.b.begin(), one.b.end());
      for (std::size_t j = 0; j < kSide; ++j) {
        c[i * kSide + j] = cases[first + std::max(i, j)].c;
      }
    }
    std::vector<std::uint32_t> d = c;
    multiply_accumulate(file.generation, file.format, file.accumulator,
                        {.m = kSide, .n = kSide, .k = static_cast<int>(k)}, a.data(), b.data(),
                        d.data(), d.data());
    for (std::size_t i = 0; i < kSide; ++i) {
      ASSERT_EQ(d[i * kSide + i], cases[first + i].d) << cases[first + i].line;
      for (std::size_t j = 0; j < kSide; ++j) {
        std::uint32_t expected = 0;
        multiply_accumulate(file.generation, file.format, file.accumulator,
                            {.m = 1, .n = 1, .k = static_cast<int>(k)}, &a[i * k], &b[j * k],
                            &c[i * kSide + j], &expected);
        ASSERT_EQ(d[i * kSide + j], expected) << first << " row " << i << " column " << j;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, MmaVectors, testing::ValuesIn(kFiles),
                         [](const auto& instance) { return std::string(instance.param.name); });

constexpr std::uint32_t kOneBf16 = 0x3f80;
constexpr std::uint32_t kOneF32 = 0x3f800000;

TEST(Mma, AddsOnesExactly) {
  const std::vector<std::uint32_t> a(16 * 16, kOneBf16);
  const std::vector<std::uint32_t> b(8 * 16, kOneBf16);
  const std::vector<std::uint32_t> c(16 * 8, kOneF32);
  std::vector<std::uint32_t> d(16 * 8);
  for (const Generation generation : {Generation::ampere, Generation::hopper}) {
    multiply_accumulate(generation, Format::bf16, Accumulator::f32, {}, a.data(), b.data(),
                        c.data(), d.data());
    EXPECT_EQ(d, std::vector<std::uint32_t>(16 * 8, 0x41880000));  // 17
  }
}

TEST(Mma, HopperKeepsABitMoreThanAmpere) {
  // 1 + 3 x 2^-25: below the 24 bits that Ampere keeps, three quarters of an ulp on Hopper, whose
  // truncation drops them too; with a fourth the sum reaches 2^-23 there.
  std::vector<std::uint32_t> a(16, 0);
  std::vector<std::uint32_t> b(16, kOneBf16);
  for (std::size_t k = 0; k < 4; ++k) {
    a[k] = 0x3300;  // 2^-25
  }
  const std::uint32_t c = kOneF32;
  std::uint32_t d = 0;
  const MmaShape shape{.m = 1, .n = 1, .k = 16};
  multiply_accumulate(Generation::ampere, Format::bf16, Accumulator::f32, shape, a.data(), b.data(),
                      &c, &d);
  EXPECT_EQ(d, kOneF32);
  multiply_accumulate(Generation::hopper, Format::bf16, Accumulator::f32, shape, a.data(), b.data(),
                      &c, &d);
  EXPECT_EQ(d, kOneF32 + 1);
}

TEST(Mma, MixedFp8FollowsTheSameRule) {
  const std::vector<std::uint32_t> a(32, 0x38);  // 1 in e4m3
  const std::vector<std::uint32_t> b(32, 0x40);  // 2 in e5m2
  const std::uint32_t c = 0;
  std::uint32_t d = 0;
  multiply_accumulate(Generation::ada, Format::e4m3, Format::e5m2, Accumulator::f32,
                      {.m = 1, .n = 1, .k = 32}, a.data(), b.data(), &c, &d);
  EXPECT_EQ(d, 0x42800000U);  // 64
}

TEST(Mma, RefusesWhatNobodyDescribed) {
  const std::vector<std::uint32_t> zeros(64, 0);
  std::uint32_t d = 0;
  const auto run = [&](Generation generation, Format a, Format b, int k) {
    multiply_accumulate(generation, a, b, Accumulator::f32, {.m = 1, .n = 1, .k = k}, zeros.data(),
                        zeros.data(), zeros.data(), &d);
  };
  EXPECT_THROW(run(Generation::ampere, Format::f16, Format::bf16, 16), UnknownArithmetic);
  EXPECT_THROW(run(Generation::ampere, Format::f16, Format::f16, 32), std::invalid_argument);
}

// Whole tiles with values as a kernel sees them, and with all bit patterns.
TEST(Mma, TilesEqualElementsOnRandomBits) {
  std::mt19937 random(7);
  struct Kind {
    Generation generation;
    Format format;
    Accumulator accumulator;
    int k;
    std::uint32_t mask;
  };
  for (const Kind& kind : {Kind{Generation::hopper, Format::bf16, Accumulator::f32, 16, 0xffff},
                           Kind{Generation::ampere, Format::f16, Accumulator::f16, 16, 0xffff},
                           Kind{Generation::ampere, Format::tf32, Accumulator::f32, 8, ~0U},
                           Kind{Generation::ada, Format::e4m3, Accumulator::f32, 32, 0xff}}) {
    const auto k = static_cast<std::size_t>(kind.k);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::uint32_t> a(16 * k);
      std::vector<std::uint32_t> b(8 * k);
      std::vector<std::uint32_t> c(16 * 8);
      for (std::vector<std::uint32_t>* codes : {&a, &b}) {
        std::generate(codes->begin(), codes->end(), [&] { return random() & kind.mask; });
      }
      std::generate(c.begin(), c.end(), [&] {
        return kind.accumulator == Accumulator::f32 ? random() : random() & 0xffff;
      });
      std::vector<std::uint32_t> d(16 * 8);
      multiply_accumulate(kind.generation, kind.format, kind.accumulator, {16, 8, kind.k}, a.data(),
                          b.data(), c.data(), d.data());
      for (std::size_t i = 0; i < 16; ++i) {
        for (std::size_t j = 0; j < 8; ++j) {
          std::uint32_t expected = 0;
          multiply_accumulate(kind.generation, kind.format, kind.accumulator, {1, 1, kind.k},
                              &a[i * k], &b[j * k], &c[i * 8 + j], &expected);
          ASSERT_EQ(d[i * 8 + j], expected) << round << " " << i << " " << j;
        }
      }
    }
  }
}

}  // namespace
}  // namespace rackproof::emulator::tensor

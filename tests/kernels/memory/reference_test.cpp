#include "kernels/memory/memory_reference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace rackproof::kernels::memory {
namespace {

TEST(StreamComparison, WantsCopiesBitByBit) {
  const MemoryProblem problem(Pattern::copy, 16);
  const std::vector<float> source{0.0F, -0.0F, 1.5F, 3.0F};
  StreamComparison same(problem);
  same.compare(0, source, source, {});
  EXPECT_TRUE(same.finish().passed);

  std::vector<float> sign_lost = source;
  sign_lost[1] = 0.0F;
  StreamComparison different(problem);
  different.compare(0, sign_lost, source, {});
  const Verification result = different.finish();
  EXPECT_EQ(result.wrong_elements, 1U);
  EXPECT_EQ(result.first_wrong->coordinate, "element 1");
}

TEST(StreamComparison, AllowsTheTriadOneRounding) {
  const MemoryProblem problem(Pattern::triad, 16);
  const std::vector<float> b{0.3F, -0.7F, 1e-3F, 0.9F};
  const std::vector<float> c{0.1F, 0.2F, -0.6F, 0.5F};
  std::vector<float> a(4);
  for (std::size_t i = 0; i < 4; ++i) {
    a[i] = std::fma(kTriadScalar, c[i], b[i]);
  }
  StreamComparison right(problem);
  right.compare(0, a, b, c);
  EXPECT_TRUE(right.finish().passed) << right.finish().max_error;

  a[2] = std::nextafter(std::nextafter(a[2], 1.0F), 1.0F);
  StreamComparison wrong(problem);
  wrong.compare(0, a, b, c);
  EXPECT_EQ(wrong.finish().wrong_elements, 1U);
}

TEST(StreamComparison, CountsNanAndMissingElementsAsWrong) {
  const MemoryProblem problem(Pattern::triad, 32);
  const std::vector<float> zeros(4, 0.0F);
  std::vector<float> a(4, 0.0F);
  a[3] = std::numeric_limits<float>::quiet_NaN();
  StreamComparison comparison(problem);
  comparison.compare(4, a, zeros, zeros);
  const Verification result = comparison.finish();
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.wrong_elements, 1U);
  EXPECT_EQ(result.first_wrong->index, 7U);

  StreamComparison half(problem);
  half.compare(0, zeros, zeros, zeros);
  EXPECT_FALSE(half.finish().passed) << "only half of the elements were compared";
}

TEST(ReadComparison, SumsVectorsByTheBlockThatReadsThem) {
  // 2 blocks of 3 threads: vectors 0-2 and 6-8 belong to block 0, vectors 3-5 to block 1.
  ReadComparison comparison(2, 3);
  std::vector<std::uint32_t> words(9 * 4, 1);
  words[4 * 4] = 0xFFFFFFFFU;
  comparison.add(0, std::span(words).first(16));
  comparison.add(16, std::span(words).subspan(16));
  EXPECT_TRUE(comparison.finish(std::vector<std::uint32_t>{24, 10}).passed);
  const Verification wrong = comparison.finish(std::vector<std::uint32_t>{24, 11});
  EXPECT_EQ(wrong.wrong_elements, 1U);
  EXPECT_EQ(wrong.first_wrong->index, 1U);
}

}  // namespace
}  // namespace rackproof::kernels::memory

#include "kernels/memory/memory_reference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace rackproof::kernels::memory {
namespace {

using Floats = std::vector<float>;

Verification compare(const MemoryProblem& problem, const Floats& a, const Floats& b,
                     const Floats& c = {}) {
  StreamComparison comparison(problem);
  comparison.compare<float>(0, a, b, c);
  return comparison.finish();
}

TEST(StreamComparison, WantsCopiesBitByBit) {
  const MemoryProblem problem(Pattern::copy, 16);
  const Floats source{0.0F, -0.0F, 1.5F, 3.0F};
  EXPECT_TRUE(compare(problem, source, source).passed);

  Floats sign_lost = source;
  sign_lost[1] = 0.0F;
  const Verification result = compare(problem, sign_lost, source);
  EXPECT_EQ(result.wrong_elements, 1U);
  EXPECT_GT(result.max_error, 0);
  EXPECT_EQ(result.first_wrong->coordinate, "element 1");
}

TEST(StreamComparison, WantsOneRoundingAndNoOther) {
  const Floats b{0.3F, -0.7F, 1e-3F, 0.9F};
  const Floats c{0.1F, 0.2F, -0.6F, 0.5F};
  Floats triad(4);
  Floats add(4);
  Floats scale(4);
  for (std::size_t i = 0; i < 4; ++i) {
    // Products of two floats are exact in double, and so are these sums.
    triad[i] = static_cast<float>(static_cast<double>(b[i]) + double{kScalar} * double{c[i]});
    add[i] = static_cast<float>(double{b[i]} + double{c[i]});
    scale[i] = static_cast<float>(double{kScalar} * double{b[i]});
  }
  EXPECT_TRUE(compare(MemoryProblem(Pattern::triad, 16), triad, b, c).passed);
  EXPECT_TRUE(compare(MemoryProblem(Pattern::add, 16), add, b, c).passed);
  EXPECT_TRUE(compare(MemoryProblem(Pattern::scale, 16), scale, b).passed);
  triad[2] = std::nextafter(triad[2], 1.0F);
  EXPECT_EQ(compare(MemoryProblem(Pattern::triad, 16), triad, b, c).wrong_elements, 1U);
}

TEST(StreamComparison, CountsNanAndMissingElementsAsWrong) {
  const MemoryProblem problem(Pattern::triad, 32);
  const Floats zeros(4, 0.0F);
  Floats a(4, 0.0F);
  a[3] = std::numeric_limits<float>::quiet_NaN();
  StreamComparison comparison(problem);
  comparison.compare<float>(4, a, zeros, zeros);
  const Verification result = comparison.finish();
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.wrong_elements, 1U);
  EXPECT_EQ(result.first_wrong->index, 7U);
  EXPECT_FALSE(compare(problem, zeros, zeros, zeros).passed)
      << "only half of the elements were compared";
}

TEST(StreamComparison, KnowsWhatIsWritten) {
  const MemoryProblem problem(Pattern::write, 16);
  Floats words;
  for (std::uint32_t word = 0; word < 4; ++word) {
    words.push_back(std::bit_cast<float>((word + 5) * 0x9E3779B1U));
  }
  StreamComparison comparison(problem, 5);
  comparison.compare<float>(0, words, {}, {});
  EXPECT_TRUE(comparison.finish().passed);
  EXPECT_EQ(compare(problem, words, {}).wrong_elements, 4U) << "another seed";
}

TEST(Chase, VisitsEveryNodeOnceInAnOrderThatTheSeedGives) {
  std::vector<std::uint32_t> order = random_cycle(1000, 7);
  EXPECT_EQ(order, random_cycle(1000, 7));
  EXPECT_NE(order, random_cycle(1000, 8));
  std::size_t neighbours = 0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    neighbours += order[i] == order[i - 1] + 1 ? 1U : 0U;
  }
  EXPECT_LT(neighbours, 10U) << "about one is expected of a random order";
  std::sort(order.begin(), order.end());
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(order[i], i);
  }
}

TEST(Chase, EndsWhereItShouldOrIsWrong) {
  EXPECT_TRUE(compare_chase_end(1024 + 128, 1024 + 128, 1024).passed);
  const Verification wrong = compare_chase_end(1024 + 128, 1024 + 512, 1024);
  EXPECT_FALSE(wrong.passed);
  EXPECT_EQ(wrong.first_wrong->expected, 1);
  EXPECT_EQ(wrong.first_wrong->actual, 4);
  EXPECT_FALSE(compare_chase_end(1024, ~std::uint64_t{0}, 1024).passed) << "nothing was written";
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
  EXPECT_TRUE(comparison.finish(std::vector<std::uint32_t>{34, 34}, 2).passed) << "both, both";
  EXPECT_TRUE(comparison.finish(std::vector<std::uint32_t>{58, 44}, 3).passed);
}

}  // namespace
}  // namespace rackproof::kernels::memory

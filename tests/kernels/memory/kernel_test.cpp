/// The memory kernels through the Operation contract: sizes, tails, planted faults.

#include "kernels/memory/memory.hpp"
#include "tests/kernels/support/print.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels::memory {
namespace {

using tests::corrupt_element;
using tests::prepare;
using tests::run_and_verify;

/// All patterns at a size; chases and l2_read small enough for every pattern's own rules.
MemoryShape shape_of(Pattern pattern, std::uint64_t bytes, ElementType type = ElementType::fp32) {
  MemoryShape shape{.pattern = pattern, .array_bytes = bytes, .type = type};
  if (pattern_work(pattern).kind == Kind::l2_read) {
    shape.rounds = 3;
  }
  if (pattern_work(pattern).kind == Kind::chase) {
    shape.accesses = 400;
  }
  return shape;
}

class MemoryPatterns : public testing::TestWithParam<Pattern> {};
INSTANTIATE_TEST_SUITE_P(All, MemoryPatterns, testing::ValuesIn([] {
                           std::vector<Pattern> all;
                           for (const PatternWork& work : patterns()) {
                             all.push_back(work.pattern);
                           }
                           return all;
                         }()),
                         [](const auto& instance) {
                           return std::string(pattern_work(instance.param).name);
                         });

/// One vector, part of a warp, of a block, of a wave, and several rounds with a tail.
TEST_P(MemoryPatterns, Sizes) {
  for (const std::uint64_t bytes :
       {16ULL, 160ULL, 4096ULL, 4112ULL, 1ULL << 20, (6ULL << 20) + 48}) {
    if (pattern_work(GetParam()).kind == Kind::chase && bytes < 2 * kNodeBytes) {
      continue;
    }
    const MemoryProblem problem(shape_of(GetParam(), bytes));
    const auto workload = prepare(memory_operation(), problem);
    for (int launch = 0; launch < 2; ++launch) {
      const Verification result = run_and_verify(*workload);
      EXPECT_TRUE(result.passed) << problem.name() << ": " << result.wrong_elements << " wrong, "
                                 << result.max_error;
      EXPECT_EQ(result.checked_elements, result.total_elements);
    }
  }
}

TEST(MemoryTypes, DoublesAreComputedToTheLastBit) {
  for (const Pattern pattern : {Pattern::scale, Pattern::add, Pattern::triad}) {
    const MemoryProblem problem(shape_of(pattern, (1 << 20) + 16, ElementType::fp64));
    const Verification result = run_and_verify(*prepare(memory_operation(), problem));
    EXPECT_TRUE(result.passed) << problem.name();
    EXPECT_EQ(result.checked_elements, (1U << 17) + 2);
  }
}

/// More vectors than the loop of one thread takes in a round.
TEST(MemoryStreams, SeveralRounds) {
  for (const Pattern pattern : {Pattern::copy, Pattern::add, Pattern::read}) {
    const MemoryProblem problem(pattern, (24ULL << 20) + 16);
    EXPECT_TRUE(run_and_verify(*prepare(memory_operation(), problem)).passed);
  }
}

TEST_P(MemoryPatterns, PlantedWrongElementIsFound) {
  const auto workload = prepare(memory_operation(), MemoryProblem(shape_of(GetParam(), 1 << 20)));
  ASSERT_TRUE(run_and_verify(*workload).passed);
  const OutputView output = workload->output();
  const std::uint64_t index = output.elements - 1;
  corrupt_element(output, index);
  const Verification result = workload->verify(nullptr);
  EXPECT_EQ(result.wrong_elements, 1U);
  ASSERT_TRUE(result.first_wrong.has_value());
  EXPECT_EQ(result.first_wrong->index, index);
}

TEST_P(MemoryPatterns, RotatesOverDisjointBuffers) {
  const MemoryProblem problem(shape_of(GetParam(), 4096));
  const auto workload = prepare(memory_operation(), problem,
                                {.seed = 1, .rotate_beyond_bytes = problem.footprint_bytes()});
  EXPECT_EQ(workload->buffer_sets(), problem.kind() == Kind::stream ? 2 : 1);
  for (int launch = 0; launch < 3; ++launch) {
    EXPECT_TRUE(run_and_verify(*workload).passed) << "launch " << launch;
  }
}

TEST_P(MemoryPatterns, ReportsItsResources) {
  const KernelResources resources =
      prepare(memory_operation(), MemoryProblem(shape_of(GetParam(), 1 << 20)))->resources();
  EXPECT_GT(resources.registers_per_thread, 0);
  EXPECT_LE(resources.registers_per_thread, 32) << "2048 threads of an SM share 65536 registers";
  EXPECT_EQ(resources.spill_bytes_per_thread, 0);
  const bool chase = pattern_work(GetParam()).kind == Kind::chase;
  EXPECT_EQ(resources.blocks, chase ? 1 : (1 << 20) / 16 / 256);
}

TEST(MemoryBaseline, HasAReason) {
  const auto baseline = memory_operation().baseline(MemoryProblem(Pattern::copy, 16), {});
  EXPECT_TRUE(std::holds_alternative<NotSupported>(baseline));
}

}  // namespace
}  // namespace rackproof::kernels::memory

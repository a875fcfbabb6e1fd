#include "kernels/memory/memory.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels::memory {
namespace {

const SizingContext kDevice{.cc = {9, 0},
                            .multiprocessors = 132,
                            .memory_bytes = std::uint64_t{80} << 30,
                            .l2_bytes = std::uint64_t{50} << 20,
                            .shared_memory_per_block_bytes = 227 << 10,
                            .gpus = 8,
                            .gpus_per_node = 8};

std::vector<PlannedProblem> plan(ParamMap params) {
  ParamReader reader(std::move(params));
  auto problems = memory_operation().plan(reader, kDevice);
  reader.finish();
  return problems;
}

/// The work table: arrays read plus arrays written, each once.
TEST(MemoryProblem, CountsCompulsoryBytes) {
  EXPECT_EQ(MemoryProblem(Pattern::copy, 1024).work().bytes, 2048);
  EXPECT_EQ(MemoryProblem(Pattern::triad, 1024).work().bytes, 3072);
  EXPECT_EQ(MemoryProblem(Pattern::read, 1024).work().bytes, 1024);
  EXPECT_EQ(MemoryProblem(Pattern::read, 1024).work().flops, 0);
}

TEST(MemoryProblem, RoundsUpToWholeVectors) {
  EXPECT_EQ(MemoryProblem(Pattern::copy, 1).name(), "memory/copy/b16");
  EXPECT_EQ(MemoryProblem(Pattern::triad, 17).array_bytes(), 32U);
  EXPECT_THROW(MemoryProblem(Pattern::copy, 0), ParamError);
}

TEST(MemoryPlan, SharesMemoryBetweenTheArrays) {
  const auto problems = plan({{"share", 0.2}});
  ASSERT_EQ(problems.size(), 3U);
  for (const PlannedProblem& planned : problems) {
    const auto footprint = static_cast<double>(planned.problem->footprint_bytes());
    EXPECT_NEAR(footprint / static_cast<double>(kDevice.memory_bytes), 0.2, 1e-6)
        << planned.problem->name();
  }
  EXPECT_EQ(problems[1].reason, "3 arrays in 20 % of 80 GiB of free device memory");
}

TEST(MemoryPlan, SizesByL2AndByBytes) {
  const auto by_l2 = plan({{"pattern", std::string("read")}, {"l2_multiple", std::int64_t{4}}});
  EXPECT_EQ(by_l2.at(0).problem->name(), "memory/read/b209715200");
  EXPECT_EQ(by_l2.at(0).reason, "each array is 4 times the L2 of 50 MiB");
  const auto by_bytes = plan({{"pattern", std::string("copy")}, {"bytes", std::int64_t{4096}}});
  EXPECT_EQ(by_bytes.at(0).problem->name(), "memory/copy/b4096");
}

TEST(MemoryPlan, RejectsWhatItDoesNotKnow) {
  EXPECT_THROW((void)plan({{"pattern", std::string("write")}}), ParamError);
  EXPECT_THROW((void)plan({{"share", 1.5}}), ParamError);
  EXPECT_THROW((void)plan({{"share", 0.1}, {"bytes", std::int64_t{16}}}), ParamError);
  EXPECT_THROW((void)plan({{"bytes", std::int64_t{0}}}), ParamError);
  EXPECT_THROW((void)plan({{"size", std::int64_t{16}}}), ParamError);
}

}  // namespace
}  // namespace rackproof::kernels::memory

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
  EXPECT_EQ(MemoryProblem(Pattern::write, 1024).work().bytes, 1024);
  EXPECT_EQ(MemoryProblem(Pattern::scale, 1024).work().bytes, 2048);
  EXPECT_EQ(MemoryProblem(Pattern::add, 1024).work().bytes, 3072);
  const MemoryProblem l2({.pattern = Pattern::l2_read, .array_bytes = 1024, .rounds = 7});
  EXPECT_EQ(l2.work().bytes, 7168);
  EXPECT_EQ(l2.footprint_bytes(), 1024U);
}

TEST(MemoryProblem, OfAChaseCountsAccesses) {
  const MemoryProblem chase({.pattern = Pattern::latency_l2, .array_bytes = 1000, .accesses = 100});
  EXPECT_EQ(chase.name(), "memory/latency_l2/b1024/n112") << "whole nodes, whole loops";
  EXPECT_EQ(chase.work().accesses, 112);
  EXPECT_EQ(chase.work().bytes, 8 * 32) << "each of 8 nodes is one sector, however often visited";
  EXPECT_EQ(chase.unit(), ThroughputUnit::ns_per_access);
  EXPECT_TRUE(chase.wants_warm_l2());
  EXPECT_FALSE(chase.no_roofline().empty());
  EXPECT_TRUE(MemoryProblem(Pattern::copy, 16).no_roofline().empty());
}

TEST(MemoryProblem, RefusesWhatMakesNoSense) {
  const auto key_of = [](const MemoryShape& shape) -> std::string {
    try {
      static_cast<void>(MemoryProblem(shape));
      return "none";
    } catch (const ParamError& error) {
      return error.key();
    }
  };
  EXPECT_EQ(key_of({.pattern = Pattern::copy, .array_bytes = 16, .type = ElementType::fp64}),
            "type");
  EXPECT_EQ(key_of({.pattern = Pattern::add, .array_bytes = 16, .type = ElementType::bf16}),
            "type");
  EXPECT_EQ(key_of({.pattern = Pattern::read, .array_bytes = 16, .rounds = 2}), "rounds");
  EXPECT_EQ(key_of({.pattern = Pattern::read, .array_bytes = 16, .accesses = 2}), "accesses");
  EXPECT_EQ(key_of({.pattern = Pattern::latency_l1, .array_bytes = 1024}), "accesses");
  EXPECT_EQ(key_of({.pattern = Pattern::latency_l1, .array_bytes = 128, .accesses = 16}), "bytes");
}

TEST(MemoryProblem, RoundsUpToWholeVectors) {
  EXPECT_EQ(MemoryProblem(Pattern::copy, 1).name(), "memory/copy/b16");
  EXPECT_EQ(MemoryProblem(Pattern::triad, 17).array_bytes(), 32U);
  EXPECT_THROW(MemoryProblem(Pattern::copy, 0), ParamError);
}

TEST(MemoryPlan, SharesMemoryBetweenTheArrays) {
  const auto problems = plan({{"share", 0.2}});
  ASSERT_EQ(problems.size(), 6U) << "all streams";
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

TEST(MemoryPlan, SizesCachesByWhatTheyHold) {
  const auto problems = plan({{"pattern", std::vector<std::string>{"l2_read", "latency_l1",
                                                                   "latency_l2", "latency_hbm"}}});
  ASSERT_EQ(problems.size(), 4U);
  EXPECT_EQ(problems[0].problem->name(), "memory/l2_read/b13107200/rounds32");
  EXPECT_EQ(problems[0].reason, "a quarter of the L2 of 50 MiB");
  EXPECT_EQ(problems[1].problem->name(), "memory/latency_l1/b16384/n262144");
  EXPECT_EQ(problems[2].problem->name(), "memory/latency_l2/b6553600/n65536");
  EXPECT_EQ(problems[3].problem->name(), "memory/latency_hbm/b209715200/n32768");
}

TEST(MemoryPlan, TypesMatterWhereSomethingIsComputed) {
  const auto problems = plan({{"pattern", std::vector<std::string>{"copy", "triad"}},
                              {"type", std::vector<std::string>{"fp32", "fp64"}},
                              {"bytes", std::int64_t{4096}}});
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0].problem->name(), "memory/copy/b4096");
  EXPECT_EQ(problems[1].problem->name(), "memory/triad/b4096");
  EXPECT_EQ(problems[2].problem->name(), "memory/triad/b4096/fp64");
}

TEST(MemoryPlan, RejectsWhatItDoesNotKnow) {
  EXPECT_THROW((void)plan({{"pattern", std::string("wirte")}}), ParamError);
  EXPECT_THROW((void)plan({{"pattern", std::string("l2_read")}, {"share", 0.1}}), ParamError);
  EXPECT_THROW((void)plan({{"pattern", std::string("l2_read")}, {"rounds", std::int64_t{0}}}),
               ParamError);
  EXPECT_THROW((void)plan({{"share", 1.5}}), ParamError);
  EXPECT_THROW((void)plan({{"share", 0.1}, {"bytes", std::int64_t{16}}}), ParamError);
  EXPECT_THROW((void)plan({{"bytes", std::int64_t{0}}}), ParamError);
  EXPECT_THROW((void)plan({{"size", std::int64_t{16}}}), ParamError);
}

}  // namespace
}  // namespace rackproof::kernels::memory

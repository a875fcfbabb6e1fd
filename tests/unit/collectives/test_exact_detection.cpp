// The inputs tell: every fault that a collective may have changes elements of the result.
#include "collectives/exact_inputs.hpp"
#include "tests/unit/collectives/host_reduction.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace rackproof::collectives {
namespace {

using test::kAllOps;
using test::kAllTypes;

/// Which element of a rank's input is used for output element i; a negative value: none.
using Source = std::function<std::int64_t(int rank, std::int64_t element)>;

std::int64_t faithful(int, std::int64_t element) {
  return element;
}

/// Wrong elements of an all-reduce over `elements` that takes its inputs from `source`.
/// `result_of` says which reduced element ends up at output i.
std::size_t count_wrong(
    DataType type, ReduceOp op, int ranks, std::int64_t elements, const Source& source,
    const std::function<std::int64_t(std::int64_t)>& result_of = [](std::int64_t i) { return i; }) {
  std::size_t wrong = 0;
  for (std::int64_t i = 0; i < elements; ++i) {
    std::vector<double> values;
    for (int rank = 0; rank < ranks; ++rank) {
      const std::int64_t element = source(rank, result_of(i));
      if (element >= 0) {
        values.push_back(static_cast<double>(
            exact::contribution(type, op, rank, ranks, static_cast<std::uint64_t>(element))));
      }
    }
    const double actual = values.empty() ? 0 : test::reduce_chain(type, op, values);
    wrong += actual !=
             static_cast<double>(exact::reduced(type, op, ranks, static_cast<std::uint64_t>(i)));
  }
  return wrong;
}

TEST(ExactDetection, NothingIsWrongWithoutAFault) {
  for (const DataType type : kAllTypes) {
    for (const ReduceOp op : kAllOps) {
      EXPECT_EQ(count_wrong(type, op, 72, 500, faithful), 0u);
    }
  }
}

// Every block of n elements gives each rank every weight once: each rank decides at least one.
TEST(ExactDetection, AMissingRankInAnyBlock) {
  for (const DataType type : kAllTypes) {
    for (const ReduceOp op : kAllOps) {
      for (const int ranks : {2, 4, 8, 72}) {
        for (int missing = 0; missing < ranks; missing += (ranks > 8 ? 7 : 1)) {
          const std::size_t wrong =
              count_wrong(type, op, ranks, ranks,
                          [missing](int rank, std::int64_t i) { return rank == missing ? -1 : i; });
          EXPECT_GE(wrong, 1u) << to_string(type) << to_string(op) << ranks;
          if (op == ReduceOp::sum) {
            EXPECT_EQ(wrong, static_cast<std::size_t>(ranks));
          }
        }
      }
    }
  }
}

// One element is not enough for min and max, but it is for a sum.
TEST(ExactDetection, AMissingRankInTheSmallestSum) {
  for (const DataType type : kAllTypes) {
    for (int missing = 0; missing < 72; ++missing) {
      EXPECT_EQ(
          count_wrong(type, ReduceOp::sum, 72, 1,
                      [missing](int rank, std::int64_t i) { return rank == missing ? -1 : i; }),
          1u);
    }
  }
}

TEST(ExactDetection, ARepeatedRank) {
  constexpr int kRanks = 8;
  for (const DataType type : kAllTypes) {
    std::size_t wrong = 0;
    for (std::int64_t i = 0; i < kRanks; ++i) {
      std::vector<double> values;
      for (int rank = 0; rank <= kRanks; ++rank) {
        values.push_back(static_cast<double>(exact::contribution(
            type, ReduceOp::sum, rank % kRanks, kRanks, static_cast<std::uint64_t>(i))));
      }
      wrong += test::reduce_chain(type, ReduceOp::sum, values) !=
               static_cast<double>(
                   exact::reduced(type, ReduceOp::sum, kRanks, static_cast<std::uint64_t>(i)));
    }
    EXPECT_EQ(wrong, static_cast<std::size_t>(kRanks)) << to_string(type);
  }
}

// An element lands on one of 32 scales, so a displaced one goes unnoticed with probability 1/32.
// Of 4096 elements 128 +- 11 (one sigma) are expected to; five sigma more is still below 5 %.
constexpr std::int64_t kElements = 4096;
constexpr std::size_t kMostlyWrong = kElements * 95 / 100;

TEST(ExactDetection, AShiftByOne) {
  for (const DataType type : kAllTypes) {
    for (const ReduceOp op : kAllOps) {
      EXPECT_GE(count_wrong(type, op, 4, kElements, faithful, [](std::int64_t i) { return i + 1; }),
                op == ReduceOp::sum ? kMostlyWrong : kElements * 9 / 10)
          << to_string(type) << to_string(op);
    }
  }
}

TEST(ExactDetection, SwappedChunks) {
  constexpr std::int64_t kChunk = 512;
  const auto swapped = [](std::int64_t i) { return i ^ kChunk; };
  for (const DataType type : kAllTypes) {
    for (const int ranks : {2, 4, 72}) {
      EXPECT_GE(count_wrong(type, ReduceOp::sum, ranks, kElements, faithful, swapped), kMostlyWrong)
          << to_string(type) << ranks;
    }
  }
}

// The ring's classic: a chunk is reduced with the neighbouring chunk of one rank.
TEST(ExactDetection, OneRanksChunkIsTakenFromElsewhere) {
  for (const DataType type : kAllTypes) {
    const std::size_t wrong =
        count_wrong(type, ReduceOp::sum, 8, kElements,
                    [](int rank, std::int64_t i) { return rank == 5 ? i + 64 : i; });
    EXPECT_GE(wrong, kMostlyWrong) << to_string(type);
  }
}

TEST(ExactDetection, TheWrongOperation) {
  for (const DataType type : kAllTypes) {
    std::size_t wrong = 0;
    for (std::uint64_t i = 0; i < 64; ++i) {
      wrong +=
          exact::reduced(type, ReduceOp::min, 4, i) != exact::reduced(type, ReduceOp::max, 4, i);
    }
    EXPECT_EQ(wrong, 64u);
  }
}

}  // namespace
}  // namespace rackproof::collectives

// The inputs are exact: every order and bracketing of every reduction gives the closed form.
#include "collectives/exact_encoding.hpp"
#include "collectives/exact_inputs.hpp"
#include "tests/unit/collectives/host_reduction.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace rackproof::collectives {
namespace {

using test::kAllOps;
using test::kAllTypes;

std::vector<double> contributions(DataType type, ReduceOp op, int ranks, std::uint64_t element) {
  std::vector<double> values;
  for (int rank = 0; rank < ranks; ++rank) {
    values.push_back(static_cast<double>(exact::contribution(type, op, rank, ranks, element)));
  }
  return values;
}

double expected(DataType type, ReduceOp op, int ranks, std::uint64_t element) {
  return static_cast<double>(exact::reduced(type, op, ranks, element));
}

std::string label(DataType type, ReduceOp op, int ranks, std::uint64_t element) {
  return std::string(to_string(type)) + "/" + std::string(to_string(op)) + ", " +
         std::to_string(ranks) + " ranks, element " + std::to_string(element);
}

TEST(ExactInputs, EveryPermutationOfFewRanks) {
  for (const DataType type : kAllTypes) {
    for (const ReduceOp op : kAllOps) {
      for (int ranks = 1; ranks <= 6; ++ranks) {
        for (std::uint64_t element = 0; element < 40; ++element) {
          auto values = contributions(type, op, ranks, element);
          std::sort(values.begin(), values.end());
          do {
            ASSERT_EQ(test::reduce_chain(type, op, values), expected(type, op, ranks, element))
                << label(type, op, ranks, element);
          } while (std::next_permutation(values.begin(), values.end()));
        }
      }
    }
  }
}

// Any bracketing adds sums over disjoint subsets; if each subset's exact sum is representable,
// no step of any bracketing rounds.
TEST(ExactInputs, EveryPartialSumIsRepresentable) {
  constexpr int kRanks = 12;
  for (const DataType type : kAllTypes) {
    for (std::uint64_t element = 0; element < 64; ++element) {
      const auto values = contributions(type, ReduceOp::sum, kRanks, element);
      for (unsigned subset = 0; subset < (1U << kRanks); ++subset) {
        double sum = 0;
        for (unsigned rank = 0; rank < kRanks; ++rank) {
          sum += (subset >> rank & 1U) != 0 ? values[rank] : 0;
        }
        ASSERT_EQ(test::round_to(type, sum), sum) << label(type, ReduceOp::sum, kRanks, element);
      }
    }
  }
}

// For many ranks the subsets cannot be listed: all contributions to an element share a sign and a
// power of two, so the largest partial sum is the total, and all are its multiples.
TEST(ExactInputs, BoundHoldsForEveryRankCount) {
  for (const DataType type : kAllTypes) {
    const auto budget = static_cast<double>(exact::weight_budget(type));
    for (int ranks = 1; ranks <= 2 * 72 * 16; ranks += (ranks < 300 ? 1 : 97)) {
      const std::uint64_t element = static_cast<std::uint64_t>(ranks) * 7919;
      const auto scale = static_cast<double>(exact::scale(element));
      double total = 0;
      for (const double value : contributions(type, ReduceOp::sum, ranks, element)) {
        const double weight = value / scale;
        ASSERT_EQ(weight, std::floor(weight));
        ASSERT_GE(weight, 0);
        total += weight;
      }
      ASSERT_LE(total, budget) << label(type, ReduceOp::sum, ranks, element);
      ASSERT_EQ(total * scale, expected(type, ReduceOp::sum, ranks, element))
          << label(type, ReduceOp::sum, ranks, element);
    }
  }
}

TEST(ExactInputs, RandomBracketingsOfManyRanks) {
  std::mt19937_64 random(20260101);
  for (const DataType type : kAllTypes) {
    for (const ReduceOp op : kAllOps) {
      for (const int ranks : {7, 8, 64, 72, 144, 257, 1152}) {
        for (std::uint64_t element = 0; element < 6; ++element) {
          const std::uint64_t far = element * 1'000'003 + (element << 33);
          const auto values = contributions(type, op, ranks, far);
          ASSERT_EQ(test::reduce_random_tree(type, op, values, random),
                    expected(type, op, ranks, far))
              << label(type, op, ranks, far);
        }
      }
    }
  }
}

TEST(ExactInputs, EncodingIsTheFormatsOwn) {
  using exact::Encoding;
  EXPECT_EQ(Encoding<DataType::float32>::encode(1), 0x3f800000U);
  EXPECT_EQ(Encoding<DataType::float32>::encode(-3), 0xc0400000U);
  EXPECT_EQ(Encoding<DataType::bfloat16>::encode(1), 0x3f80U);
  EXPECT_EQ(Encoding<DataType::bfloat16>::encode(-255), 0xc37fU);
  EXPECT_EQ(Encoding<DataType::int32>::encode(-2), 0xfffffffeU);
  EXPECT_EQ(Encoding<DataType::bfloat16>::decode(0xc37f), -255.0);
  EXPECT_EQ(Encoding<DataType::int32>::decode(0xfffffffeU), -2.0);
}

template <DataType Type>
void expect_round_trip(ReduceOp op, int ranks) {
  using Encoding = exact::Encoding<Type>;
  for (std::uint64_t element = 0; element < 200; ++element) {
    for (int rank = 0; rank < ranks; ++rank) {
      const std::int64_t value = exact::contribution(Type, op, rank, ranks, element);
      ASSERT_EQ(Encoding::decode(Encoding::encode(value)), static_cast<double>(value));
    }
    const std::int64_t value = exact::reduced(Type, op, ranks, element);
    ASSERT_EQ(Encoding::decode(Encoding::encode(value)), static_cast<double>(value));
    ASSERT_NE(Encoding::encode(value), static_cast<typename Encoding::Bits>(0xa5a5a5a5U))
        << "the pattern that marks unwritten output must never be right";
  }
}

TEST(ExactInputs, ValuesSurviveTheirEncoding) {
  for (const ReduceOp op : kAllOps) {
    for (const int ranks : {1, 4, 72}) {
      expect_round_trip<DataType::float32>(op, ranks);
      expect_round_trip<DataType::bfloat16>(op, ranks);
      expect_round_trip<DataType::int32>(op, ranks);
    }
  }
}

}  // namespace
}  // namespace rackproof::collectives

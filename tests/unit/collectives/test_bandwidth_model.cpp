#include "collectives/bandwidth_model.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace rackproof::collectives {
namespace {

const Collective& all_reduce() {
  return *find_collective("all_reduce");
}

// 2 (n-1) / n, NVIDIA/nccl-tests doc/PERFORMANCE.md.
TEST(BandwidthModel, AllReduceBusFactor) {
  EXPECT_DOUBLE_EQ(*all_reduce_bus_factor(2), 1.0);
  EXPECT_DOUBLE_EQ(*all_reduce_bus_factor(4), 1.5);
  EXPECT_DOUBLE_EQ(*all_reduce_bus_factor(72), 142.0 / 72.0);
}

// (n+1) / n: two ranks send 1.5 S, many ranks little more than S.
TEST(BandwidthModel, AllReduceSwitchWireFactor) {
  EXPECT_DOUBLE_EQ(*all_reduce_switch_wire_factor(2), 1.5);
  EXPECT_DOUBLE_EQ(*all_reduce_switch_wire_factor(4), 1.25);
  EXPECT_DOUBLE_EQ(*all_reduce_switch_wire_factor(72), 73.0 / 72.0);
}

TEST(BandwidthModel, OneRankMovesNothing) {
  const Bandwidth result = bandwidth(all_reduce(), 1000, 1e-6, 1);
  EXPECT_DOUBLE_EQ(result.algbw_gb_per_s, 1.0);
  EXPECT_FALSE(result.busbw_gb_per_s.has_value());
  EXPECT_FALSE(result.wire_gb_per_s.has_value());
}

// NVIDIA's Cluster Readiness Engine publishes algbw 473.44 and busbw 932.09 GB/s for 16 GB over
// 64 ranks: both have two decimals, so the ratio is known to 0.005 * 1.97 + 0.005.
TEST(BandwidthModel, AgreesWithAPublishedRow) {
  const std::uint64_t bytes = std::uint64_t{16} << 30;
  const double time_s = static_cast<double>(bytes) / 473.44e9;
  const Bandwidth result = bandwidth(all_reduce(), bytes, time_s, 64);
  EXPECT_NEAR(result.algbw_gb_per_s, 473.44, 1e-9);
  EXPECT_NEAR(*result.busbw_gb_per_s, 932.09, 0.015);
  EXPECT_NEAR(*result.wire_gb_per_s, 473.44 * 65 / 64, 1e-9);
}

TEST(BandwidthModel, RefusesTimesAndRanksThatCannotBe) {
  EXPECT_THROW((void)bandwidth(all_reduce(), 8, 0, 4), std::invalid_argument);
  EXPECT_THROW((void)bandwidth(all_reduce(), 8, -1, 4), std::invalid_argument);
  EXPECT_THROW((void)bandwidth(all_reduce(), 8, std::numeric_limits<double>::quiet_NaN(), 4),
               std::invalid_argument);
  EXPECT_THROW((void)bandwidth(all_reduce(), 8, 1, 0), std::invalid_argument);
}

}  // namespace
}  // namespace rackproof::collectives

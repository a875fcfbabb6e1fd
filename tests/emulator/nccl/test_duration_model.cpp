// The modelled duration against the formula in docs/collectives.md, worked out by hand.
#include "emulator/api_nccl/duration_model.hpp"

#include <gtest/gtest.h>

namespace rackproof::emulator::api_nccl {
namespace {

engine::FabricModel fabric() {
  engine::FabricModel model;
  model.nvlink_links = 18;
  model.nvlink_bytes_per_s_per_link = 50e9;
  model.host_link_bytes_per_s = 200e9;
  model.memory_bandwidth_bytes_per_s = 8e12;
  return model;
}

Call all_reduce(std::size_t count, int ranks) {
  Call call;
  call.count = count;
  call.ranks = ranks;
  return call;
}

constexpr double kPicosecond = 1e-12;

// 6.6 us + 2 * 2 * 0.6 us, and 8 bytes that take no time worth mentioning.
TEST(NcclDurationModel, LatencyOfSmallMessages) {
  EXPECT_NEAR(modelled_duration_s(all_reduce(2, 4), fabric(), false), 9.0e-6, 1e-9);
}

// ceil(log2 n): 1, 2, 2, 3, 7.
TEST(NcclDurationModel, DepthGrowsWithTheLogarithmOfRanks) {
  for (const auto& [ranks, depth] : {std::pair{2, 1}, {3, 2}, {4, 2}, {5, 3}, {72, 7}}) {
    EXPECT_NEAR(modelled_duration_s(all_reduce(1, ranks), fabric(), false),
                6.6e-6 + 2 * depth * 0.6e-6, 1e-9)
        << ranks;
  }
}

// 1 GB over 72 ranks: 2 * 71/72 GB over 0.8 * 900 GB/s.
TEST(NcclDurationModel, BandwidthOfLargeMessages) {
  const double expected = 6.6e-6 + 14 * 0.6e-6 + 2.0 * 71 / 72 * 1e9 / 720e9;
  EXPECT_NEAR(modelled_duration_s(all_reduce(250'000'000, 72), fabric(), false), expected,
              kPicosecond);
}

TEST(NcclDurationModel, AcrossNvlinkDomainsTheHostLinkCarriesTheData) {
  const double expected = 6.6e-6 + 8 * 0.6e-6 + 2.0 * 15 / 16 * 1e9 / 160e9;
  EXPECT_NEAR(modelled_duration_s(all_reduce(250'000'000, 16), fabric(), true), expected,
              kPicosecond);
}

TEST(NcclDurationModel, OneRankCopiesThroughItsMemory) {
  EXPECT_NEAR(modelled_duration_s(all_reduce(250'000'000, 1), fabric(), false), 6.6e-6 + 2e9 / 8e12,
              kPicosecond);
}

TEST(NcclDurationModel, OtherCollectivesMoveLess) {
  Call call = all_reduce(1'000'000, 4);
  call.kind = Kind::all_gather;
  // count is per rank: 3 blocks of 4 MB arrive.
  EXPECT_NEAR(modelled_duration_s(call, fabric(), false), 6.6e-6 + 1.2e-6 + 12e6 / 720e9,
              kPicosecond);
  call.kind = Kind::broadcast;
  EXPECT_NEAR(modelled_duration_s(call, fabric(), false), 6.6e-6 + 1.2e-6 + 4e6 / 720e9,
              kPicosecond);
}

}  // namespace
}  // namespace rackproof::emulator::api_nccl

// Occupancy against numbers worked out by hand from the published rules.

#include "emulator/device/occupancy.hpp"

#include <gtest/gtest.h>

namespace rackproof::emulator::device {
namespace {

GpuModel model(std::uint32_t shared_kib_per_sm) {
  GpuModel gpu;
  gpu.shared_bytes_per_sm = shared_kib_per_sm * 1024;
  gpu.shared_bytes_per_block_optin = (shared_kib_per_sm - 1) * 1024;
  return gpu;
}

struct Case {
  const char* name;
  std::uint32_t shared_kib_per_sm;
  BlockResources block;
  std::uint32_t blocks;
  OccupancyLimit limit;
};

class OccupancyTest : public testing::TestWithParam<Case> {};

TEST_P(OccupancyTest, MatchesHandComputation) {
  const Case& c = GetParam();
  const Occupancy result = occupancy(model(c.shared_kib_per_sm), c.block);
  EXPECT_EQ(result.blocks_per_sm, c.blocks);
  EXPECT_EQ(result.limit, c.limit) << to_string(result.limit);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, OccupancyTest,
    testing::Values(
        // 2048 / 1024 threads.
        Case{"Threads", 228, {1024, 16, 0}, 2, OccupancyLimit::threads},
        // 64 threads: 32 by threads and 32 by blocks; blocks are named first.
        Case{"Blocks", 228, {32, 16, 0}, 32, OccupancyLimit::blocks},
        // 128 regs x 32 = 4096 a warp; 65536 / 4 / 4096 = 4 warps a partition, 16 an SM; 8 a CTA.
        Case{"Registers128", 228, {256, 128, 0}, 2, OccupancyLimit::registers},
        // 129 regs round up to 4352 a warp (unit 256): 3 warps a partition, 12 an SM, 8 a CTA.
        Case{"Registers129", 228, {256, 129, 0}, 1, OccupancyLimit::registers},
        // 255 regs x 32 = 8160 -> 8192: 2 a partition, 8 an SM; a CTA of 5 warps takes 8.
        Case{"WarpsRoundToFour", 228, {160, 255, 0}, 1, OccupancyLimit::registers},
        // 32 warps of 8192 registers do not fit.
        Case{"TooManyRegisters", 228, {1024, 255, 0}, 0, OccupancyLimit::registers},
        // (48 + 1) KiB a CTA in 228 KiB.
        Case{"Shared48", 228, {128, 32, 48 * 1024}, 4, OccupancyLimit::shared_memory},
        // (113 + 1) KiB twice is exactly 228 KiB; one byte more rounds up by 128 and fits once.
        Case{"SharedTwice", 228, {128, 32, 113 * 1024}, 2, OccupancyLimit::shared_memory},
        Case{"SharedByteTooMany", 228, {128, 32, 113 * 1024 + 1}, 1, OccupancyLimit::shared_memory},
        Case{"SharedOptinLimit", 228, {128, 32, 227 * 1024}, 1, OccupancyLimit::shared_memory},
        Case{"SharedTooLarge", 228, {128, 32, 227 * 1024 + 1}, 0, OccupancyLimit::shared_memory},
        // A100: (48 + 1) KiB in 164 KiB.
        Case{"A100Shared48", 164, {128, 32, 48 * 1024}, 3, OccupancyLimit::shared_memory},
        Case{"NoThreads", 228, {0, 32, 0}, 0, OccupancyLimit::threads},
        Case{"TooManyThreads", 228, {1025, 16, 0}, 0, OccupancyLimit::threads}),
    [](const auto& test_case) { return test_case.param.name; });

TEST(AvailableDynamicShared, LeavesRoomForTheReservedPart) {
  // Two CTAs: 228 / 2 = 114 KiB each, minus 1 KiB reserved.
  EXPECT_EQ(available_dynamic_shared_bytes(model(228), {128, 32, 0}, 2), 113U * 1024);
  EXPECT_EQ(available_dynamic_shared_bytes(model(228), {128, 32, 1024}, 2), 112U * 1024);
  EXPECT_EQ(available_dynamic_shared_bytes(model(228), {1024, 32, 0}, 3), 0U);
}

}  // namespace
}  // namespace rackproof::emulator::device

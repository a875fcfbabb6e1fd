// The clock model against durations worked out by hand.

#include "emulator/engine/clock_model.hpp"

#include "emulator/device/rack_file.hpp"

#include <gtest/gtest.h>

namespace rackproof::emulator::engine {
namespace {

device::RackModel gb300() {
  return device::load_rack_file(RACKPROOF_SOURCE_DIR "/configs/racks/gb300-nvl72.json");
}

constexpr double kClockHz = 2007e6;

TEST(ClockModel, MemoryBoundKernelTakesBytesOverBandwidth) {
  exec::GridCounters counters;
  counters.ctas = 152;
  counters.unique_global_bytes = 8'000'000'000;
  const KernelTiming timing = kernel_timing(gb300().gpu, counters);
  EXPECT_DOUBLE_EQ(timing.memory_s, 1e-3);
  EXPECT_DOUBLE_EQ(timing.total_s(), kLaunchOverheadS + 1e-3);
}

TEST(ClockModel, FullWaveOfMatrixWorkReachesTheDatasheetPeak) {
  exec::GridCounters counters;
  counters.ctas = 152;
  counters.mma_flops_f16 = 152 * 8192.0 * 1e6;  // a million clocks on every SM
  const KernelTiming timing = kernel_timing(gb300().gpu, counters);
  EXPECT_NEAR(timing.issue_s, 1e6 / kClockHz, 1e-12);
  EXPECT_NEAR(counters.mma_flops_f16 / timing.issue_s / 1e12, 2500, 2);  // clock floored to 1 MHz
}

TEST(ClockModel, OneCtaMoreThanAWaveCostsAWholeWave) {
  exec::GridCounters wave;
  wave.ctas = 152;
  wave.mma_flops_f16 = 152e9;
  exec::GridCounters spill;
  spill.ctas = 153;
  spill.mma_flops_f16 = 153e9;
  const auto gpu = gb300().gpu;
  EXPECT_NEAR(kernel_timing(gpu, spill).issue_s / kernel_timing(gpu, wave).issue_s, 2.0, 1e-12);
}

TEST(ClockModel, TheBusiestUnitDecides) {
  exec::GridCounters counters;
  counters.ctas = 152;
  counters.warp_instructions[0] = 152ULL * 4 * 1000;  // 1000 clocks of issue
  counters.shared_wavefronts = 152ULL * 3000;         // 3000 clocks of shared memory
  counters.global_sectors = 152ULL * 2 * 2000;        // 2000 clocks of L2
  EXPECT_NEAR(kernel_timing(gb300().gpu, counters).issue_s, 3000 / kClockHz, 1e-15);
}

TEST(ClockModel, CopiesGoOverTheNarrowestLink) {
  const device::RackModel rack = gb300();
  EXPECT_DOUBLE_EQ(copy_s(rack, CopyPath::host_to_device, 225'000'000), kCopyOverheadS + 1e-3);
  EXPECT_DOUBLE_EQ(copy_s(rack, CopyPath::peer, 900'000'000), kCopyOverheadS + 1e-3);
  EXPECT_DOUBLE_EQ(copy_s(rack, CopyPath::within_device, 4'000'000'000), kCopyOverheadS + 1e-3);
  EXPECT_DOUBLE_EQ(fill_s(rack, 8'000'000'000), kCopyOverheadS + 1e-3);
}

TEST(ClockModel, EmptyKernelTakesItsOverhead) {
  EXPECT_EQ(to_ps(kernel_timing(gb300().gpu, {}).total_s()), 2'000'000);
}

}  // namespace
}  // namespace rackproof::emulator::engine

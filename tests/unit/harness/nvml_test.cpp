#include "harness/topology/nvml.hpp"

#include "harness/telemetry/telemetry.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace rackproof::harness::topology {
namespace {

TEST(FabricHealth, DecodesTwoBitFields) {
  // 0xaa: all four FALSE; 1 << 8: configuration "none" (nvml.h).
  const FabricHealth healthy = decode_fabric_health(0x1aa);
  EXPECT_EQ(*healthy.degraded_bandwidth, false);
  EXPECT_EQ(*healthy.route_recovery, false);
  EXPECT_EQ(*healthy.route_unhealthy, false);
  EXPECT_EQ(*healthy.access_timeout_recovery, false);
  EXPECT_EQ(*healthy.incorrect_configuration, "none");

  const FabricHealth sick = decode_fabric_health(0x4a5 | (1U << 4));
  EXPECT_EQ(*sick.degraded_bandwidth, true);
  EXPECT_EQ(*sick.route_recovery, true);
  EXPECT_EQ(*sick.incorrect_configuration, "no partition");

  // 1, 2, 1, 2 from the lowest field up: no two neighbours are alike.
  const FabricHealth mixed = decode_fabric_health(0x99);
  EXPECT_EQ(*mixed.degraded_bandwidth, true);
  EXPECT_EQ(*mixed.route_recovery, false);
  EXPECT_EQ(*mixed.route_unhealthy, true);
  EXPECT_EQ(*mixed.access_timeout_recovery, false);

  const FabricHealth unknown = decode_fabric_health(0);
  EXPECT_FALSE(unknown.degraded_bandwidth);
  EXPECT_FALSE(unknown.incorrect_configuration);
  EXPECT_FALSE(decode_fabric_health(3).degraded_bandwidth);
  EXPECT_EQ(*decode_fabric_health(0xf00).incorrect_configuration, "unknown code 15");
}

TEST(ClockEvents, IdleIsNoEventAndSettingsDoNotThrottle) {
  EXPECT_TRUE(clock_event_names(0x1).empty());
  EXPECT_EQ(clock_event_names(0x24),
            (std::vector<std::string>{"sw_power_cap", "sw_thermal_slowdown"}));
  EXPECT_FALSE(is_throttled(0x1));
  EXPECT_FALSE(is_throttled(0x2));
  EXPECT_FALSE(is_throttled(0x100));
  for (const std::uint64_t bit : {0x4U, 0x8U, 0x10U, 0x20U, 0x40U, 0x80U}) {
    EXPECT_TRUE(is_throttled(bit)) << bit;
  }
}

/// A GPU whose answers a test sets.
class FakeGpu final : public NvmlGpu {
 public:
  Reported<std::string> serial() const override { return std::string("S"); }
  Reported<PlatformInfo> platform() const override { return PlatformInfo{}; }
  Reported<Fabric> fabric() const override { return Fabric{}; }
  Reported<int> clock_mhz(ClockDomain domain) const override {
    return domain == ClockDomain::sm ? 1900 : 3996;
  }
  Reported<int> max_clock_mhz(ClockDomain /*domain*/) const override { return 2070; }
  Reported<double> power_w() const override {
    return Reported<double>::missing("nvmlDeviceGetPowerUsage: Not Supported");
  }
  Reported<double> temperature_c() const override { return 41.0; }
  Reported<double> energy_j() const override { return energy_j_; }
  Reported<std::uint64_t> clock_event_reasons() const override { return reasons_.load(); }
  Reported<std::uint64_t> uncorrected_ecc_errors() const override { return ecc_; }

  std::atomic<std::uint64_t> reasons_{0};
  double energy_j_ = 100;
  std::uint64_t ecc_ = 7;
};

TEST(Telemetry, ReportsRangesDifferencesAndReasonsForWhatIsMissing) {
  FakeGpu gpu;
  telemetry::Recorder recorder(gpu);
  gpu.energy_j_ = 130;
  gpu.ecc_ = 9;
  EXPECT_EQ(*recorder.was_throttled(), false);
  gpu.reasons_ = 0x40;
  EXPECT_EQ(*recorder.was_throttled(), true);
  gpu.reasons_ = 0;
  EXPECT_EQ(*recorder.was_throttled(), false) << "an event counts for its own batch only";
  EXPECT_EQ(*recorder.ecc_errors(), 2U);
  const record::Telemetry telemetry = recorder.stop();
  EXPECT_EQ(telemetry.sm_clock_mhz->median, 1900);
  EXPECT_EQ(telemetry.memory_clock_mhz->max, 3996);
  EXPECT_FALSE(telemetry.power_w);
  EXPECT_EQ(telemetry.power_w.reason(), "nvmlDeviceGetPowerUsage: Not Supported");
  EXPECT_EQ(*telemetry.energy_j, 30);
  EXPECT_EQ(*telemetry.clock_event_reasons, std::vector<std::string>{"hw_thermal_slowdown"});
}

}  // namespace
}  // namespace rackproof::harness::topology

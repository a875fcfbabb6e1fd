#include "harness/topology/nvml.hpp"

#include <array>

namespace rackproof::harness::topology {
namespace {

/// nvml.h, nvmlClocksEventReason*; bit 0 (idle) is no event.
struct ClockEvent {
  std::uint64_t bit;
  const char* name;
  bool throttles;
};
constexpr std::array kClockEvents{
    ClockEvent{0x002, "applications_clocks_setting", false},
    ClockEvent{0x004, "sw_power_cap", true},
    ClockEvent{0x008, "hw_slowdown", true},
    ClockEvent{0x010, "sync_boost", true},
    ClockEvent{0x020, "sw_thermal_slowdown", true},
    ClockEvent{0x040, "hw_thermal_slowdown", true},
    ClockEvent{0x080, "hw_power_brake_slowdown", true},
    ClockEvent{0x100, "display_clock_setting", false},
};

constexpr std::array kConfigurations{
    "not supported",         "none",
    "incorrect system GUID", "incorrect chassis serial number",
    "no partition",          "insufficient NVLinks",
    "incompatible firmware", "invalid location",
    "invalid GPU state",
};

Reported<bool> decode_flag(std::uint32_t mask, unsigned shift) {
  switch ((mask >> shift) & 3U) {
    case 1:
      return true;
    case 2:
      return false;
    case 0:
      return Reported<bool>::missing("NVML: not supported by this GPU");
    default:
      return Reported<bool>::missing("NVML: value 3 has no meaning");
  }
}

}  // namespace

FabricHealth decode_fabric_health(std::uint32_t mask) {
  FabricHealth health;
  health.degraded_bandwidth = decode_flag(mask, 0);
  health.route_recovery = decode_flag(mask, 2);
  health.route_unhealthy = decode_flag(mask, 4);
  health.access_timeout_recovery = decode_flag(mask, 6);
  const std::uint32_t configuration = (mask >> 8) & 0xFU;
  if (configuration == 0) {
    health.incorrect_configuration =
        Reported<std::string>::missing("NVML: not supported by this GPU");
  } else if (configuration < kConfigurations.size()) {
    health.incorrect_configuration = std::string(kConfigurations[configuration]);
  } else {
    health.incorrect_configuration = "unknown code " + std::to_string(configuration);
  }
  return health;
}

std::vector<std::string> clock_event_names(std::uint64_t reasons) {
  std::vector<std::string> names;
  for (const ClockEvent& event : kClockEvents) {
    if ((reasons & event.bit) != 0) {
      names.emplace_back(event.name);
    }
  }
  return names;
}

bool is_throttled(std::uint64_t reasons) {
  for (const ClockEvent& event : kClockEvents) {
    if (event.throttles && (reasons & event.bit) != 0) {
      return true;
    }
  }
  return false;
}

}  // namespace rackproof::harness::topology

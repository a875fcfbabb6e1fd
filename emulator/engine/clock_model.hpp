#pragma once
/// The emulator's clock: a documented first-order model of durations (docs/emulator.md, "The
/// clock"), deterministic, from exact counts and the rack file's rates. It never proves speed.

#include "emulator/device/device_model.hpp"
#include "emulator/engine/collective_hook.hpp"
#include "emulator/exec/counters.hpp"

#include <cstdint>

namespace rackproof::emulator::engine {

/// Start and end of a kernel on the device, without its work: the order of what is published for
/// back-to-back empty kernels (2 to 3 us). A modelling constant, not a measurement.
inline constexpr double kLaunchOverheadS = 2e-6;
/// The same for a copy engine.
inline constexpr double kCopyOverheadS = 2e-6;

/// What a kernel's duration follows from.
struct KernelTiming {
  double overhead_s = 0;
  double issue_s = 0;    ///< busiest unit of the busiest SM
  double memory_s = 0;   ///< compulsory DRAM bytes over bandwidth
  double waiting_s = 0;  ///< in loops that wait for a clock
  [[nodiscard]] double total_s() const;
};

/// CTAs are dealt to the SMs in waves, so the busiest SM runs ceil(ctas / SMs) CTAs of average
/// cost; its time is that of its busiest unit. `counters` must be those of a finished grid.
[[nodiscard]] KernelTiming kernel_timing(const device::GpuModel& gpu,
                                         const exec::GridCounters& counters);

enum class CopyPath : std::uint8_t { host_to_device, device_to_host, within_device, peer, host };
/// Overhead plus bytes over the narrowest link on the path.
[[nodiscard]] double copy_s(const device::RackModel& rack, CopyPath path, std::uint64_t bytes);
[[nodiscard]] double fill_s(const device::RackModel& rack, std::uint64_t bytes);

/// Rounds up, so that no operation takes no time.
[[nodiscard]] TimePs to_ps(double seconds);

}  // namespace rackproof::emulator::engine

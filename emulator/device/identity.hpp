#pragma once
/// Names of emulated things: deterministic from rack, tray and module, and marked as emulated.

#include "emulator/device/device_model.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace rackproof::emulator::device {

/// One GPU as this process sees it.
struct GpuIdentity {
  int index_in_tray = 0;  ///< NVML index
  std::string name;       ///< "NVIDIA GB300 (emulated)"
  std::array<std::uint8_t, 16> uuid{};
  std::string uuid_text;   ///< "GPU-656d756c-..." ("emul" in its first four bytes)
  std::string serial;      ///< "EMU-3F2A91C07D"; two GPUs of a superchip share one board
  std::string pci_bus_id;  ///< "0008:06:00.0"
  std::uint32_t pci_domain = 0;
  std::uint32_t pci_bus = 0;
  std::uint32_t pci_device = 0;
  int module_id = 0;
};

[[nodiscard]] GpuIdentity identify(const RackModel& rack, int tray, int index_in_tray);
[[nodiscard]] std::string chassis_serial(const RackModel& rack);
/// The NVLink domain's UUID: one for the rack, or one for each tray.
[[nodiscard]] std::array<std::uint8_t, 16> cluster_uuid(const RackModel& rack, int tray);

/// Indices (in the tray) of the devices that CUDA_VISIBLE_DEVICES lets through, in its order; like
/// CUDA it stops at the first entry that names no device. Entries: an index or a (prefix of a)
/// UUID.
[[nodiscard]] std::vector<int> visible_devices(const RackModel& rack, int tray,
                                               const std::vector<std::string>& entries);

}  // namespace rackproof::emulator::device

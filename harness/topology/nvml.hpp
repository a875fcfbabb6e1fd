#pragma once
/// NVML, loaded at run time: one program runs with and without a driver. An interface, so that
/// tests can stand in for the library.

#include "harness/topology/topology.hpp"
#include "runtime/error.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rackproof::harness::topology {

/// Place of a GPU in its rack (nvmlPlatformInfo). The truth on an NVL72; host names lie.
struct PlatformInfo {
  std::string chassis_serial;  ///< may be empty
  int slot_number = 0;         ///< among all slots of the chassis, switches included
  int tray_index = 0;          ///< among the compute trays
  int module_id = 0;           ///< of the GPU on its tray
};

enum class ClockDomain : std::uint8_t { sm, memory };

/// Queries of one GPU. Each answers a value or why the driver has none.
class NvmlGpu {
 public:
  virtual ~NvmlGpu() = default;
  [[nodiscard]] virtual Reported<std::string> serial() const = 0;
  [[nodiscard]] virtual Reported<PlatformInfo> platform() const = 0;
  [[nodiscard]] virtual Reported<Fabric> fabric() const = 0;
  [[nodiscard]] virtual Reported<int> clock_mhz(ClockDomain domain) const = 0;
  [[nodiscard]] virtual Reported<int> max_clock_mhz(ClockDomain domain) const = 0;
  [[nodiscard]] virtual Reported<double> power_w() const = 0;
  [[nodiscard]] virtual Reported<double> temperature_c() const = 0;
  [[nodiscard]] virtual Reported<double> energy_j() const = 0;  ///< since the driver was loaded
  /// nvmlClocksEventReasons, see clock_event_names().
  [[nodiscard]] virtual Reported<std::uint64_t> clock_event_reasons() const = 0;
  /// Since the driver was loaded.
  [[nodiscard]] virtual Reported<std::uint64_t> uncorrected_ecc_errors() const = 0;
};

class Nvml {
 public:
  virtual ~Nvml() = default;
  [[nodiscard]] virtual Reported<std::string> driver_version() const = 0;
  /// By CUDA's PCI bus id. Throws runtime::NotAvailable if NVML does not know it.
  [[nodiscard]] virtual std::unique_ptr<NvmlGpu> gpu(const std::string& pci_bus_id) const = 0;
};

/// Loads libnvidia-ml.so.1 and initialises it. Throws runtime::NotAvailable with the reason.
[[nodiscard]] std::unique_ptr<Nvml> load_nvml();

/// Decodes nvmlGpuFabricInfo_v3.healthMask: two bits each for degraded bandwidth, route recovery,
/// route unhealthy and access timeout recovery (0 not supported, 1 true, 2 false), then four bits
/// for the configuration. Source: nvml.h, NVML_GPU_FABRIC_HEALTH_MASK_*.
[[nodiscard]] FabricHealth decode_fabric_health(std::uint32_t mask);

/// Names of the bits of nvmlClocksEventReasons that are set, without "idle".
[[nodiscard]] std::vector<std::string> clock_event_names(std::uint64_t reasons);

/// Whether the reasons say that the GPU ran slower than it was asked to (power, heat, brake).
[[nodiscard]] bool is_throttled(std::uint64_t reasons);

}  // namespace rackproof::harness::topology

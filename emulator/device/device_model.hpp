#pragma once
/// The GPU and the rack that the emulator pretends to be: facts from configs/racks/*.json.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace rackproof::emulator::device {

/// One GPU model. Rates are datasheet peaks; the clock model derives times from them.
struct GpuModel {
  std::string name;  ///< "NVIDIA GB300"; the API answers "NVIDIA GB300 (emulated)"
  int cc_major = 0;
  int cc_minor = 0;
  int multiprocessors = 0;
  int max_sm_clock_mhz = 0;   ///< as NVML reports it; 0: not known
  int peak_sm_clock_mhz = 0;  ///< the clock at which the datasheet peaks hold
  int memory_clock_mhz = 0;   ///< 0: not known
  int memory_bus_bits = 0;
  std::uint64_t memory_bytes = 0;
  double memory_bandwidth_bytes_per_s = 0;
  std::uint64_t l2_bytes = 0;
  std::uint32_t shared_bytes_per_sm = 0;
  std::uint32_t shared_bytes_per_block_optin = 0;
  std::uint32_t registers_per_sm = 65536;
  std::uint32_t max_threads_per_sm = 2048;
  std::uint32_t max_blocks_per_sm = 32;
  std::uint32_t tdp_w = 0;

  // Issue rates per SM and clock, for the clock model.
  double fp32_flops_per_sm_clk = 0;
  double bf16_mma_flops_per_sm_clk = 0;
  double tf32_mma_flops_per_sm_clk = 0;
  double fp8_mma_flops_per_sm_clk = 0;  ///< 0: the device has none
  double fp4_mma_flops_per_sm_clk = 0;  ///< 0: the device has none

  [[nodiscard]] std::uint32_t architecture() const {
    return static_cast<std::uint32_t>(cc_major * 10 + cc_minor);
  }
};

/// A rack: trays (nodes) of equal GPUs in one NVLink domain.
struct RackModel {
  std::string id;    ///< "gb300-nvl72"
  std::string name;  ///< "NVIDIA GB300 NVL72"
  GpuModel gpu;
  int trays = 0;
  int gpus_per_tray = 0;
  int nvlink_domain_gpus = 0;            ///< GPUs that NVLink joins: all of the rack or of a tray
  std::vector<int> module_ids;           ///< NVML module id of device 0..n-1 in a tray
  std::vector<std::string> pci_bus_ids;  ///< "0008:06:00.0", one a device
  double host_link_bytes_per_s = 0;      ///< GPU to host, one direction
  bool host_link_is_c2c = false;         ///< NVLink-C2C instead of PCIe
  int nvlink_links = 0;
  int nvlink_generation = 0;
  double nvlink_bytes_per_s_per_link = 0;  ///< payload, one direction
  int nvlink_raw_mb_per_s_per_link = 0;    ///< line rate as NVML reports it; 0: not known
  bool fabric_manager = true;              ///< NVML fabric info is COMPLETED
  std::uint32_t clique_id = 0;
};

}  // namespace rackproof::emulator::device

#pragma once
/// What is really here: racks, their nodes (trays), their GPUs, and which rank drives which.

#include "harness/topology/reported.hpp"
#include "kernels/operation.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::harness::topology {

/// What answered the CUDA and NVML calls. Figures of an emulated run are modelled, not measured.
enum class Backend : std::uint8_t { gpu, emulated };
[[nodiscard]] std::string_view to_string(Backend backend);  ///< "gpu", "emulated"

/// nvmlGpuFabricState_t: NCCL uses multi-node NVLink only when every rank is `completed`.
enum class FabricState : std::uint8_t { not_supported, not_started, in_progress, completed };
[[nodiscard]] std::string_view to_string(FabricState state);

/// The fields of nvmlGpuFabricInfo_v3.healthMask; missing where the driver says "not supported".
struct FabricHealth {
  Reported<bool> degraded_bandwidth;
  Reported<bool> route_recovery;
  Reported<bool> route_unhealthy;
  Reported<bool> access_timeout_recovery;
  Reported<std::string> incorrect_configuration;  ///< "none", or what is wrong
};

struct Fabric {
  FabricState state = FabricState::not_supported;
  std::string cluster_uuid;  ///< 8-4-4-4-12 hexadecimal; the NVLink domain
  std::uint32_t clique_id = 0;
  FabricHealth health;
};

/// One GPU as CUDA and NVML describe it, and the rank that drives it.
struct Gpu {
  int rank = 0;    ///< MPI rank in the job
  int device = 0;  ///< CUDA device index inside its node
  std::string name;
  std::string uuid;  ///< "GPU-..."
  std::string pci_bus_id;
  Reported<std::string> serial;  ///< of the board; the two GPUs of a superchip share one
  Reported<int> module_id;       ///< place on the tray
  kernels::ComputeCapability cc;
  int multiprocessors = 0;
  std::uint64_t memory_bytes = 0;       ///< cudaMemGetInfo total
  std::uint64_t free_memory_bytes = 0;  ///< when the run began
  std::uint64_t l2_bytes = 0;
  std::uint64_t shared_memory_per_block_bytes = 0;  ///< opt-in limit
  Reported<int> max_sm_clock_mhz;
  Reported<int> memory_clock_mhz;
  Reported<Fabric> fabric;
};

/// A tray: one operating system and its GPUs, in the order of device index.
struct Node {
  std::string id;  ///< "<chassis serial>/tray<index>", else the host name
  std::string host;
  Reported<std::string> chassis_serial;
  Reported<int> tray_index;
  Reported<int> slot_number;
  std::vector<Gpu> gpus;
};

/// One NVLink domain: nodes with the same fabric cluster UUID and clique.
struct Rack {
  std::string id;  ///< "<cluster uuid>.<clique>", else the chassis serial, else "host:<name>"
  Reported<std::string> cluster_uuid;
  Reported<std::uint32_t> clique_id;
  std::vector<Node> nodes;  ///< in the order of tray index, then id
};

/// Where a rank sits: indices into Topology::racks[rack].nodes[node].gpus[gpu].
struct Place {
  std::size_t rack = 0;
  std::size_t node = 0;
  std::size_t gpu = 0;
};

struct Topology {
  Backend backend = Backend::gpu;
  std::string driver_version;  ///< as NVML says it; empty without NVML
  std::vector<Rack> racks;
  std::vector<Place> places;       ///< by rank
  std::vector<std::string> notes;  ///< what was missing or looked wrong, one sentence each

  [[nodiscard]] int gpus() const { return static_cast<int>(places.size()); }
  [[nodiscard]] const Gpu& gpu(int rank) const;
  [[nodiscard]] const Node& node(int rank) const;
  [[nodiscard]] const Rack& rack(int rank) const;
};

/// What a plan may depend on. Racks may be uneven: each figure is the smallest over all GPUs (L2:
/// the largest), so that every rank plans the same problems and all of them fit everywhere. Throws
/// std::invalid_argument for a topology without GPUs.
[[nodiscard]] kernels::SizingContext sizing_context(const Topology& topology);

}  // namespace rackproof::harness::topology

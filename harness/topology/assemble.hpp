#pragma once
/// From what each rank says of itself to the topology. Pure functions: no CUDA, no NVML, no MPI.

#include "harness/topology/topology.hpp"

#include <span>
#include <string>
#include <vector>

namespace rackproof::harness::topology {

/// The operating system that a rank runs on, and its place in the rack.
struct NodeIdentity {
  std::string host;
  Reported<std::string> chassis_serial;
  Reported<int> tray_index;
  Reported<int> slot_number;
};

/// "<chassis serial>/tray<index>" where the platform says both, else the host name.
[[nodiscard]] std::string node_id(const NodeIdentity& identity);

/// What a rank sees before it has chosen a GPU.
struct RankCandidate {
  NodeIdentity node;
  std::vector<std::string> gpu_uuids;  ///< of the visible devices, by CUDA index
};

/// CUDA device index by rank: each rank of a node takes the first GPU it sees that no earlier rank
/// has taken. Right both where every rank sees all GPUs and where the launcher shows it only one.
/// Throws config::NotReady when a node has more ranks than GPUs.
[[nodiscard]] std::vector<int> assign_devices(std::span<const RankCandidate> ranks);

/// A rank with its GPU.
struct RankDescription {
  NodeIdentity node;
  Gpu gpu;
  std::string driver_version;  ///< empty without NVML
};

/// Groups ranks into nodes and nodes into racks (NVLink domains). What is missing or odd becomes a
/// note: no fabric, a fabric that is not complete, one node seen under two host names.
[[nodiscard]] Topology assemble(std::span<const RankDescription> ranks);

}  // namespace rackproof::harness::topology

#include "harness/topology/hypothetical.hpp"

#include "harness/config/error.hpp"
#include "harness/topology/assemble.hpp"

namespace rackproof::harness::topology {

Topology hypothetical(const RackFacts& facts, int nodes) {
  if (nodes < 1 || nodes > facts.nodes) {
    throw config::ConfigError(facts.file.string(), std::to_string(nodes) + " trays asked for, " +
                                                       facts.id + " has 1 to " +
                                                       std::to_string(facts.nodes));
  }
  std::vector<RankDescription> ranks;
  for (int node = 0; node < nodes; ++node) {
    for (int device = 0; device < facts.gpus_per_node; ++device) {
      RankDescription rank;
      rank.node.host = "planned-tray" + std::to_string(node);
      rank.node.chassis_serial = facts.id;
      rank.node.tray_index = node;
      rank.gpu.rank = static_cast<int>(ranks.size());
      rank.gpu.device = device;
      rank.gpu.name = facts.gpu_name;
      rank.gpu.uuid = "planned-" + std::to_string(rank.gpu.rank);
      rank.gpu.pci_bus_id = "planned-" + std::to_string(device);
      rank.gpu.cc = facts.cc;
      rank.gpu.multiprocessors = facts.multiprocessors;
      rank.gpu.memory_bytes = facts.memory_bytes;
      rank.gpu.free_memory_bytes = facts.memory_bytes;
      rank.gpu.l2_bytes = facts.l2_bytes;
      rank.gpu.shared_memory_per_block_bytes = facts.shared_memory_per_block_bytes;
      if (facts.nvlink_domain_gpus > facts.gpus_per_node) {
        rank.gpu.fabric = Fabric{FabricState::completed, facts.id, 0, {}};
      } else {
        rank.gpu.fabric = Reported<Fabric>::missing("NVLink ends at the node in " + facts.id);
      }
      ranks.push_back(std::move(rank));
    }
  }
  Topology topology = assemble(ranks);
  topology.notes = {"hypothetical: planned from " + facts.file.string()};
  return topology;
}

}  // namespace rackproof::harness::topology

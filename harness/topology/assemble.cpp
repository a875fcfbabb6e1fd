#include "harness/topology/assemble.hpp"

#include "harness/config/error.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace rackproof::harness::topology {
namespace {

constexpr std::string_view kEmulatedMark = "(emulated)";
constexpr std::string_view kNoUuid = "00000000-0000-0000-0000-000000000000";

/// A fabric that forms a domain: NCCL's own conditions (nccl: src/mnnvl.cc).
bool forms_domain(const Reported<Fabric>& fabric) {
  return fabric && fabric->state == FabricState::completed && !fabric->cluster_uuid.empty() &&
         fabric->cluster_uuid != kNoUuid;
}

std::string hexadecimal(std::uint32_t value) {
  std::string digits;
  do {
    digits.insert(digits.begin(), "0123456789abcdef"[value % 16]);
    value /= 16;
  } while (value != 0);
  return "0x" + digits;
}

/// The NVLink domain that a rank belongs to. GPUs without a fabric share links with their own node
/// at most, so each such node is a rack of its own.
std::string rack_id(const RankDescription& rank) {
  if (forms_domain(rank.gpu.fabric)) {
    return rank.gpu.fabric->cluster_uuid + "." + hexadecimal(rank.gpu.fabric->clique_id);
  }
  return "node:" + node_id(rank.node);
}

Rack new_rack(const RankDescription& rank) {
  Rack rack;
  rack.id = rack_id(rank);
  if (forms_domain(rank.gpu.fabric)) {
    rack.cluster_uuid = rank.gpu.fabric->cluster_uuid;
    rack.clique_id = rank.gpu.fabric->clique_id;
  } else {
    const std::string reason = rank.gpu.fabric
                                   ? "no multi-node NVLink domain: fabric state " +
                                         std::string(to_string(rank.gpu.fabric->state)) +
                                         ", cluster UUID " + rank.gpu.fabric->cluster_uuid
                                   : rank.gpu.fabric.reason();
    rack.cluster_uuid = Reported<std::string>::missing(reason);
    rack.clique_id = Reported<std::uint32_t>::missing(reason);
  }
  return rack;
}

void note_once(Topology& topology, std::string note) {
  if (std::find(topology.notes.begin(), topology.notes.end(), note) == topology.notes.end()) {
    topology.notes.push_back(std::move(note));
  }
}

void note_oddities(const RankDescription& rank, Topology& topology) {
  const std::string where = node_id(rank.node) + " GPU " + std::to_string(rank.gpu.device);
  if (!rank.gpu.fabric) {
    note_once(topology,
              "fabric unknown on " + node_id(rank.node) + ": " + rank.gpu.fabric.reason());
    return;
  }
  const Fabric& fabric = *rank.gpu.fabric;
  if (fabric.state == FabricState::in_progress || fabric.state == FabricState::not_started) {
    note_once(topology, "fabric " + std::string(to_string(fabric.state)) + " on " + where +
                            ": NCCL does not use multi-node NVLink before it is completed");
  }
  if (fabric.health.degraded_bandwidth.value_or(false)) {
    note_once(topology, "NVLink bandwidth is degraded on " + where);
  }
  if (fabric.health.route_unhealthy.value_or(false)) {
    note_once(topology, "NVLink route is unhealthy on " + where);
  }
  const std::string configuration = fabric.health.incorrect_configuration.value_or("none");
  if (configuration != "none") {
    note_once(topology, "fabric configuration of " + where + " is wrong: " + configuration);
  }
}

/// Tray index first, so that a rack reads from top to bottom; nodes without one by name.
bool node_before(const Node& a, const Node& b) {
  if (a.tray_index && b.tray_index && *a.tray_index != *b.tray_index) {
    return *a.tray_index < *b.tray_index;
  }
  return a.id < b.id;
}

Node& find_or_add_node(Rack& rack, const RankDescription& rank) {
  const std::string id = node_id(rank.node);
  const auto found = std::find_if(rack.nodes.begin(), rack.nodes.end(),
                                  [&](const Node& node) { return node.id == id; });
  if (found != rack.nodes.end()) {
    return *found;
  }
  rack.nodes.push_back({id,
                        rank.node.host,
                        rank.node.chassis_serial,
                        rank.node.tray_index,
                        rank.node.slot_number,
                        {}});
  return rack.nodes.back();
}

}  // namespace

std::string node_id(const NodeIdentity& identity) {
  if (identity.chassis_serial && identity.tray_index) {
    return *identity.chassis_serial + "/tray" + std::to_string(*identity.tray_index);
  }
  return identity.host;
}

std::vector<int> assign_devices(std::span<const RankCandidate> ranks) {
  std::map<std::string, std::set<std::string>> taken;
  std::map<std::string, int> ranks_on;
  for (const RankCandidate& rank : ranks) {
    ++ranks_on[node_id(rank.node)];
  }
  std::vector<int> devices;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const std::string node = node_id(ranks[i].node);
    const std::vector<std::string>& visible = ranks[i].gpu_uuids;
    const auto free = std::find_if(visible.begin(), visible.end(), [&](const std::string& uuid) {
      return !taken[node].contains(uuid);
    });
    if (visible.empty()) {
      throw config::NotReady("rank " + std::to_string(i) + " sees no GPU on node " + node +
                             "; check the driver with nvidia-smi, or use --emulate RACK");
    }
    if (free == visible.end()) {
      throw config::NotReady("rank " + std::to_string(i) + " finds no free GPU on node " + node +
                             ": " + std::to_string(ranks_on[node]) + " ranks, " +
                             std::to_string(visible.size()) +
                             " GPUs visible; start one rank per GPU (mpirun --map-by ppr:" +
                             std::to_string(visible.size()) + ":node)");
    }
    taken[node].insert(*free);
    devices.push_back(static_cast<int>(free - visible.begin()));
  }
  return devices;
}

Topology assemble(std::span<const RankDescription> ranks) {
  Topology topology;
  std::map<std::string, std::set<std::string>> hosts;
  for (const RankDescription& rank : ranks) {
    if (rank.gpu.name.find(kEmulatedMark) != std::string::npos) {
      topology.backend = Backend::emulated;
    }
    if (topology.driver_version.empty()) {
      topology.driver_version = rank.driver_version;
    }
    const std::string id = rack_id(rank);
    auto rack = std::find_if(topology.racks.begin(), topology.racks.end(),
                             [&](const Rack& candidate) { return candidate.id == id; });
    if (rack == topology.racks.end()) {
      rack = topology.racks.insert(rack, new_rack(rank));
    }
    find_or_add_node(*rack, rank).gpus.push_back(rank.gpu);
    hosts[node_id(rank.node)].insert(rank.node.host);
    note_oddities(rank, topology);
  }
  for (const auto& [node, names] : hosts) {
    if (names.size() > 1) {
      note_once(topology, "node " + node + " is seen under " + std::to_string(names.size()) +
                              " host names: chassis serial and tray index are not unique");
    }
  }

  topology.places.resize(ranks.size());
  for (std::size_t r = 0; r < topology.racks.size(); ++r) {
    std::vector<Node>& nodes = topology.racks[r].nodes;
    std::sort(nodes.begin(), nodes.end(), node_before);
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      std::vector<Gpu>& gpus = nodes[n].gpus;
      std::sort(gpus.begin(), gpus.end(), [](const Gpu& a, const Gpu& b) {
        return a.device != b.device ? a.device < b.device : a.rank < b.rank;
      });
      for (std::size_t g = 0; g < gpus.size(); ++g) {
        topology.places.at(static_cast<std::size_t>(gpus[g].rank)) = {r, n, g};
      }
    }
  }
  return topology;
}

}  // namespace rackproof::harness::topology

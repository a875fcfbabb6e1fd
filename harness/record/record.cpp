#include "harness/record/record.hpp"

namespace rackproof::harness::record {

GpuRef gpu_ref(const topology::Topology& topology, int rank) {
  const topology::Place& place = topology.places.at(static_cast<std::size_t>(rank));
  const topology::Rack& rack = topology.racks.at(place.rack);
  const topology::Node& node = rack.nodes.at(place.node);
  return {rack.id, node.id, node.gpus.at(place.gpu).device, rank};
}

}  // namespace rackproof::harness::record

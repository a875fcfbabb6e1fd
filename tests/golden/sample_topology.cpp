#include "tests/golden/sample_topology.hpp"

#include <fmt/format.h>

namespace rackproof::tests {
namespace {

namespace topology = harness::topology;
using harness::record::Reported;

topology::Gpu make_gpu(const SampleShape& shape, int rack, int node, int device, int rank) {
  topology::Gpu gpu;
  gpu.rank = rank;
  gpu.device = device;
  gpu.name = "NVIDIA GB300 (sample)";
  gpu.uuid = fmt::format("GPU-00000000-0000-0000-0000-{:012x}", rank + 1);
  gpu.pci_bus_id = fmt::format("0000000{}:06:00.0", device + 1);
  gpu.serial = fmt::format("SAMPLE{:03d}{:02d}{}", rack, node, device / 2);
  gpu.module_id = device + 1;
  gpu.cc = {10, 3};
  gpu.multiprocessors = 152;
  gpu.memory_bytes = 298'012'639'232;
  gpu.free_memory_bytes = 297'000'000'000;
  gpu.l2_bytes = 132'120'576;
  gpu.shared_memory_per_block_bytes = 232'448;
  gpu.max_sm_clock_mhz = 2070;
  gpu.memory_clock_mhz = Reported<int>::missing("NVML: not supported");
  topology::Fabric fabric;
  fabric.state = topology::FabricState::completed;
  fabric.cluster_uuid = fmt::format("5a3e0000-0000-0000-0000-{:012x}", rack + 1);
  fabric.clique_id = 7;
  fabric.health.degraded_bandwidth = false;
  fabric.health.route_recovery = false;
  fabric.health.route_unhealthy = false;
  fabric.health.access_timeout_recovery = false;
  fabric.health.incorrect_configuration = std::string("none");
  if (shape.rack_nodes > 1) {
    gpu.fabric = fabric;
  } else {
    gpu.fabric = Reported<topology::Fabric>::missing("NVML: not supported");
  }
  return gpu;
}

}  // namespace

topology::Topology sample_topology(const SampleShape& shape) {
  topology::Topology result;
  result.backend = shape.backend;
  result.driver_version = "580.00";
  int rank = 0;
  for (int r = 0; r < shape.racks; ++r) {
    topology::Rack rack;
    rack.id = fmt::format("5a3e0000-0000-0000-0000-{:012x}.7", r + 1);
    rack.cluster_uuid = rack.id.substr(0, 36);
    rack.clique_id = 7U;
    for (int n = 0; n < shape.nodes; ++n) {
      topology::Node node;
      node.chassis_serial = fmt::format("CHASSIS{:03d}", r);
      node.tray_index = n;
      node.slot_number = n + 1;
      node.id = fmt::format("CHASSIS{:03d}/tray{}", r, n);
      node.host = fmt::format("rack{}-tray{:02d}", r, n);
      for (int g = 0; g < shape.gpus_per_node; ++g) {
        result.places.push_back({static_cast<std::size_t>(r), static_cast<std::size_t>(n),
                                 static_cast<std::size_t>(g)});
        node.gpus.push_back(make_gpu(shape, r, n, g, rank++));
      }
      rack.nodes.push_back(node);
    }
    result.racks.push_back(rack);
  }
  return result;
}

topology::RackFacts sample_rack_model(const SampleShape& shape) {
  topology::RackFacts facts;
  facts.id = shape.rack_model;
  facts.gpu_name = "NVIDIA GB300";
  facts.nodes = shape.rack_nodes;
  facts.gpus_per_node = shape.gpus_per_node;
  facts.dense_tflops = {{"bf16", 2500.0}, {"fp32", 80.0}};
  facts.memory_gb_per_s = 8000;
  facts.nvlink_gb_per_s = 900;
  facts.source = "sample datasheet";
  facts.memory_source = "sample memory datasheet";
  facts.nvlink_source = "sample link datasheet";
  return facts;
}

}  // namespace rackproof::tests

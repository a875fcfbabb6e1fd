#include "harness/topology/topology.hpp"

#include <algorithm>
#include <stdexcept>

namespace rackproof::harness::topology {

std::string_view to_string(Backend backend) {
  return backend == Backend::gpu ? "gpu" : "emulated";
}

std::string_view to_string(FabricState state) {
  switch (state) {
    case FabricState::not_supported:
      return "not supported";
    case FabricState::not_started:
      return "not started";
    case FabricState::in_progress:
      return "in progress";
    case FabricState::completed:
      return "completed";
  }
  throw std::invalid_argument("not a FabricState");
}

const Rack& Topology::rack(int rank) const {
  return racks.at(places.at(static_cast<std::size_t>(rank)).rack);
}

const Node& Topology::node(int rank) const {
  return rack(rank).nodes.at(places.at(static_cast<std::size_t>(rank)).node);
}

const Gpu& Topology::gpu(int rank) const {
  return node(rank).gpus.at(places.at(static_cast<std::size_t>(rank)).gpu);
}

kernels::SizingContext sizing_context(const Topology& topology) {
  if (topology.places.empty()) {
    throw std::invalid_argument("sizing_context: the topology has no GPU");
  }
  kernels::SizingContext context;
  for (int rank = 0; rank < topology.gpus(); ++rank) {
    const Gpu& gpu = topology.gpu(rank);
    const int node_gpus = static_cast<int>(topology.node(rank).gpus.size());
    if (rank == 0) {
      context = {gpu.cc,
                 gpu.multiprocessors,
                 gpu.free_memory_bytes,
                 gpu.l2_bytes,
                 gpu.shared_memory_per_block_bytes,
                 topology.gpus(),
                 node_gpus};
      continue;
    }
    context.cc = std::min(context.cc, gpu.cc);
    context.multiprocessors = std::min(context.multiprocessors, gpu.multiprocessors);
    context.memory_bytes = std::min(context.memory_bytes, gpu.free_memory_bytes);
    // Beyond the largest L2 is beyond all of them.
    context.l2_bytes = std::max(context.l2_bytes, gpu.l2_bytes);
    context.shared_memory_per_block_bytes =
        std::min(context.shared_memory_per_block_bytes, gpu.shared_memory_per_block_bytes);
    context.gpus_per_node = std::min(context.gpus_per_node, node_gpus);
  }
  return context;
}

}  // namespace rackproof::harness::topology

#pragma once
/// All ranks together find out what is here.

#include "collectives/bootstrap.hpp"
#include "harness/topology/nvml.hpp"
#include "harness/topology/topology.hpp"

#include <memory>
#include <string>

namespace rackproof::harness::topology {

/// What a rank knows after discovery.
struct Discovery {
  Topology topology;           ///< equal on all ranks
  std::unique_ptr<Nvml> nvml;  ///< null where NVML is not available
  std::string without_nvml;    ///< why it is null
};

/// Collective. Chooses this rank's GPU, makes it current, and gathers everybody's description.
/// Throws config::NotReady (no GPU, more ranks than GPUs), equally on all ranks.
[[nodiscard]] Discovery discover(collectives::Bootstrap& bootstrap,
                                 const collectives::Deadline& deadline);

}  // namespace rackproof::harness::topology

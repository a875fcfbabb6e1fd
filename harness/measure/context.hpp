#pragma once
/// What a rank needs to measure.

#include "collectives/bootstrap.hpp"
#include "harness/measure/plant.hpp"
#include "harness/plan/statistics.hpp"
#include "harness/topology/nvml.hpp"
#include "harness/topology/topology.hpp"
#include "runtime/stream.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace rackproof::harness::measure {

struct Context {
  collectives::Bootstrap* bootstrap = nullptr;
  const topology::Topology* topology = nullptr;
  std::unique_ptr<topology::NvmlGpu> nvml;  ///< of this rank's GPU; null without NVML
  std::string without_nvml;                 ///< why it is null
  plan::Statistics statistics;
  std::uint64_t seed = 0;
  double step_timeout_s = 0;              ///< limit of one step: preparation, a batch, verification
  std::optional<Plant> plant;             ///< self-test of the verifiers
  std::optional<runtime::Stream> stream;  ///< of this rank's GPU, once that is chosen

  [[nodiscard]] int rank() const { return bootstrap->rank(); }
  [[nodiscard]] collectives::Deadline deadline(const std::string& phase) const {
    return {phase, step_timeout_s};
  }
};

}  // namespace rackproof::harness::measure

#pragma once
/// A place for a cluster in flight, and those that follow it there in one round of the grid.

#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/grid_context.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

namespace rackproof::emulator::exec {

struct ClusterSlot {
  std::unique_ptr<Cluster> cluster;
  std::vector<std::uint64_t> waiting;  ///< clusters to start, the next one last
  std::uint64_t executed = 0;          ///< warp instructions of this round
  bool finished_one = false;
  std::optional<FaultRaised> fault;
  std::exception_ptr error;

  /// Its turn in the parallel phase, of about `quantum` warp instructions: up to where the cluster
  /// communicates. On any thread, with that thread's context; what is thrown stays in the slot.
  void run(GridContext& context, std::uint64_t clock, std::uint64_t quantum) noexcept;
};

}  // namespace rackproof::emulator::exec

#pragma once
/// Who polls what in a grid that makes no progress any more.

#include "emulator/exec/cluster_slot.hpp"

#include <span>
#include <string>

namespace rackproof::emulator::exec {

/// One line; `slots` hold all clusters that are in flight, watched.
[[nodiscard]] std::string describe_stall(const GridContext& grid,
                                         std::span<const ClusterSlot> slots);

}  // namespace rackproof::emulator::exec

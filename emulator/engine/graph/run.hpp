#pragma once
/// One execution of a plan: a directed acyclic graph of operations, of which all that are ready
/// progress together.

#include "emulator/engine/graph/plan.hpp"
#include "emulator/engine/operation.hpp"

#include <memory>
#include <vector>

namespace rackproof::emulator::engine::graph {

/// Makes the operation of a launch. Event nodes act as of now, in the order of the plan: records
/// replace what the event stood for, waits take what it stands for. The operation keeps `holds`
/// until it is gone, and sets `conditions` to their defaults, where they want that, when it begins.
[[nodiscard]] std::unique_ptr<Operation> make_run(
    std::shared_ptr<const Plan> plan, std::vector<UserObjectReference> holds = {},
    std::vector<std::shared_ptr<Condition>> conditions = {});

}  // namespace rackproof::emulator::engine::graph

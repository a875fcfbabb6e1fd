#pragma once
/// A topology from a rack file instead of from hardware, to plan for a rack that is not here.

#include "harness/topology/rack_facts.hpp"
#include "harness/topology/topology.hpp"

namespace rackproof::harness::topology {

/// `nodes` full nodes of the rack model. Throws config::ConfigError unless 1 <= nodes <=
/// facts.nodes.
[[nodiscard]] Topology hypothetical(const RackFacts& facts, int nodes);

}  // namespace rackproof::harness::topology

#pragma once
/// The communicators of a run: all ranks, one per rack, one per node. Made when first asked for.

#include "collectives/communicator.hpp"
#include "harness/measure/context.hpp"
#include "harness/plan/plan.hpp"

#include <map>

namespace rackproof::harness::measure {

class Communicators {
 public:
  /// Collective: this rank's communicator of a scope. Throws NcclError and TimeoutError.
  [[nodiscard]] collectives::Communicator& get(plan::CommunicatorScope scope, Context& context);
  /// Collective: flushes and frees all of them.
  void finalize(const Context& context);
  /// Not collective: ends whatever is in flight.
  void abort() noexcept;

 private:
  std::map<plan::CommunicatorScope, collectives::Communicator> communicators_;
};

/// The ranks of each communicator of a scope, in the order of the topology.
[[nodiscard]] std::vector<std::vector<int>> members_of(const topology::Topology& topology,
                                                       plan::CommunicatorScope scope);

}  // namespace rackproof::harness::measure

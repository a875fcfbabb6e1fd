#pragma once
/// Roll-up: GPU -> node -> rack. A sum is over all members or it is missing: a GPU without a figure
/// makes its node's figure missing, and that its rack's, each with a reason that names the member.

#include "harness/record/record.hpp"

#include <vector>

namespace rackproof::harness::record {

/// Figures of the members of one benchmark, at least one. Throws InvalidRecord, naming
/// `benchmark`, where units or bases differ.
[[nodiscard]] Aggregate aggregate(const std::vector<Throughput>& figures, Better better,
                                  const std::string& benchmark);

/// The one figure that stands for an aggregate: its sum, or the median where nothing adds up.
[[nodiscard]] double representative(const Aggregate& aggregate);

/// Gives every GPU of a collective the busbw of the communicator it is a member of.
void take_busbw_from_communicators(Benchmark& benchmark);

/// Fills each GPU's attainment and the roofline's, from `roofline.peak`. A collective's attainment
/// is the smaller of busbw and wire over the peak: what the links carry at least, by ring or
/// switch.
void fill_attainment(Benchmark& benchmark);

/// Fills nodes[] and racks[] for every node and rack of the topology from gpus[].
void roll_up(Benchmark& benchmark, const topology::Topology& topology);

/// The three steps above, for every benchmark.
void roll_up(Record& record);

}  // namespace rackproof::harness::record

#pragma once
/// The final tables of a run on the console.

#include "harness/record/record.hpp"

#include <iosfwd>

namespace rackproof::harness::report {

/// Extent and basis, throughput per node and per rack, collectives, what is wrong, what did not
/// run. Of many nodes only the slowest and the fastest are listed; the record has all.
void print_summary(std::ostream& out, const record::Record& record);

}  // namespace rackproof::harness::report

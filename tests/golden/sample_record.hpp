#pragma once
/// A complete record without a GPU: the same on every machine, for golden files and report tests.

#include "harness/record/record.hpp"

#include <cstdint>
#include <string>

namespace rackproof::tests {

/// Which rack the sample pretends to have run on.
struct SampleShape {
  std::string rack_model = "gb300-nvl72";
  int rack_nodes = 18;  ///< slots of the rack model
  int racks = 1;
  int nodes = 1;  ///< present per rack
  int gpus_per_node = 4;
  harness::topology::Backend backend = harness::topology::Backend::emulated;
};

/// Every field filled or missing with a reason; two benchmarks did not give a figure.
[[nodiscard]] harness::record::Record sample_record(const SampleShape& shape);

}  // namespace rackproof::tests

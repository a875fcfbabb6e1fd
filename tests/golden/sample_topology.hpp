#pragma once
/// The racks of the sample record.

#include "tests/golden/sample_record.hpp"

namespace rackproof::tests {

[[nodiscard]] harness::topology::Topology sample_topology(const SampleShape& shape);

/// Round datasheet figures, so that attainments are easy to check by hand.
[[nodiscard]] harness::topology::RackFacts sample_rack_model(const SampleShape& shape);

}  // namespace rackproof::tests

#pragma once
/// From what the ranks measured to the record's benchmark. Pure: no device, no other rank.

#include "harness/measure/measurement.hpp"
#include "harness/plan/plan.hpp"
#include "harness/record/record.hpp"

#include <string>

namespace rackproof::harness::measure {

/// What a benchmark's figures depend on besides its measurement.
struct RecordContext {
  const topology::Topology* topology = nullptr;
  const record::Reported<topology::RackFacts>* rack_model = nullptr;
  record::Basis basis = record::Basis::measured;
  bool cold_l2 = true;
};

/// The benchmark as not run, for `reason`.
[[nodiscard]] record::Benchmark not_run(const plan::PlannedBenchmark& planned,
                                        const std::string& reason, const RecordContext& context);

/// The benchmark as measured: statistics, throughput, roofline, baseline, roll-up. A wrong element
/// makes it Status::wrong, a failure of any rank or an output that was not verified Status::failed,
/// with GPU and element in the reason.
[[nodiscard]] record::Benchmark to_record(const plan::PlannedBenchmark& planned,
                                          const Measurement& measurement,
                                          const RecordContext& context);

}  // namespace rackproof::harness::measure

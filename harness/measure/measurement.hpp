#pragma once
/// What one rank measured of one benchmark; rank 0 gathers these and makes the record of them.

#include "harness/record/benchmark.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rackproof::harness::measure {

/// Another implementation of the same problem on the same GPU.
struct BaselineMeasurement {
  std::string library;
  std::vector<double> samples_s;
};

struct RankMeasurement {
  std::vector<double> samples_s;  ///< of this rank; a collective's time is the maximum over ranks
  record::Reported<std::vector<std::size_t>> throttled_samples;
  record::Reported<kernels::Verification> verification;
  record::Reported<kernels::KernelResources> resources;
  record::Reported<record::WorkCounts> work_counts;
  record::Reported<record::Telemetry> telemetry;
  record::Reported<BaselineMeasurement> baseline;
  int buffer_sets = 1;
  std::vector<std::string> warnings;  ///< one sentence each, for the record's notes
};

/// All ranks' measurements of one benchmark, or why there are none.
struct Measurement {
  std::vector<RankMeasurement> ranks;  ///< by rank; empty when it failed
  std::string failure;                 ///< names the rank; empty when it ran
};

}  // namespace rackproof::harness::measure

#pragma once
/// Runs canonical problems once each on the current device and counts what that took.

#include "harness/plan/plan.hpp"
#include "harness/work/metrics.hpp"

namespace rackproof::harness::work {

/// Runs the benchmark once and verifies its result: counts of a wrong kernel mean nothing. Throws
/// config::NotReady where the CUDA runtime does not count, WrongResult for a wrong result, and
/// std::runtime_error for a benchmark that cannot run.
[[nodiscard]] Entry count(const plan::PlannedBenchmark& planned);

/// A result differs from its reference.
class WrongResult : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace rackproof::harness::work

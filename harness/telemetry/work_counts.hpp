#pragma once
/// Exact counts of the work that kernels of this process did. A CUDA runtime that counts work
/// offers the function rackproof_work_counters_v2; NVIDIA's does not.

#include "harness/record/benchmark.hpp"

namespace rackproof::harness::telemetry {

/// Totals of all kernels that this process has finished, on all its GPUs; missing where the runtime
/// does not count. Read it with nothing in flight.
[[nodiscard]] record::Reported<record::WorkCounts> work_so_far();

/// What was done between two totals; `after` is the later one.
[[nodiscard]] record::WorkCounts work_between(const record::WorkCounts& before,
                                              const record::WorkCounts& after);

}  // namespace rackproof::harness::telemetry

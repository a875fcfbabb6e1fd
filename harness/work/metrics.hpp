#pragma once
/// What one execution of a kernel costs, in counts: the columns of `rackproof work`. Less is
/// better in each of them.

#include "harness/record/benchmark.hpp"
#include "harness/telemetry/work_counts.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::harness::work {

/// One canonical problem, run once.
struct Entry {
  std::string name;       ///< of the problem: "gemm/bf16/m256n256k128"
  std::string variant;    ///< "sm80"
  kernels::Work minimum;  ///< of the problem
  record::WorkCounts counts;
  telemetry::BulkCounts bulk;
  kernels::KernelResources resources;
};

/// A count that a baseline holds.
struct Metric {
  std::string_view name;
  double (*value)(const Entry&);
};

/// In the order of the baseline files.
[[nodiscard]] const std::vector<Metric>& metrics();

/// Sectors beyond the fewest that hold each request's bytes.
[[nodiscard]] std::uint64_t excess_sectors(const record::WorkCounts& counts);
/// Passes over the banks of shared memory that conflicts add.
[[nodiscard]] std::uint64_t bank_conflicts(const record::WorkCounts& counts);

/// A rule that holds whatever the baseline's counts are.
struct BrokenRule {
  std::string_view rule;  ///< the metric that should be 0
  std::string what;       ///< one sentence
};
/// No spill, no bank conflict, no sector above the minimum: those that `entry` breaks.
[[nodiscard]] std::vector<BrokenRule> broken_rules(const Entry& entry);

}  // namespace rackproof::harness::work

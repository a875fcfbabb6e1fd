#pragma once
/// Exact counts of the work that kernels of this process did. A CUDA runtime that counts work
/// offers the functions rackproof_work_counters_v2 and rackproof_bulk_counters_v1; NVIDIA's does
/// not.

#include "harness/record/benchmark.hpp"

#include <cstdint>

namespace rackproof::harness::telemetry {

/// Totals of all kernels that this process has finished, on all its GPUs; missing where the runtime
/// does not count. Read it with nothing in flight.
[[nodiscard]] record::Reported<record::WorkCounts> work_so_far();

/// Bytes that the TMA unit and its bulk copies moved, in the same kernels; all 0 where the runtime
/// does not count.
struct BulkCounts {
  std::uint64_t load_bytes = 0;    ///< from global memory, once for each multicast
  std::uint64_t store_bytes = 0;   ///< to global memory
  std::uint64_t shared_bytes = 0;  ///< into shared memory, of every CTA that gets them
};
[[nodiscard]] BulkCounts bulk_so_far();

/// What was done between two totals; `after` is the later one.
[[nodiscard]] record::WorkCounts work_between(const record::WorkCounts& before,
                                              const record::WorkCounts& after);

}  // namespace rackproof::harness::telemetry

#include "harness/telemetry/work_counts.hpp"

#include <cstdint>
#include <dlfcn.h>

namespace rackproof::harness::telemetry {
namespace {

/// The layout that rackproof_work_counters_v2 fills.
struct WorkCountersV2 {
  std::uint64_t kernels;
  std::uint64_t ctas;
  std::uint64_t warp_instructions;
  std::uint64_t thread_instructions;
  std::uint64_t matrix_instructions;
  double tensor_flops;
  double fp32_flops;
  std::uint64_t global_requests;
  std::uint64_t global_sectors;
  std::uint64_t global_sectors_minimum;
  std::uint64_t global_load_bytes;
  std::uint64_t global_store_bytes;
  std::uint64_t unique_global_bytes;
  std::uint64_t shared_requests;
  std::uint64_t shared_wavefronts;
  std::uint64_t shared_wavefronts_minimum;
  std::uint64_t async_copy_bytes;
  std::uint64_t barrier_waits;
};

}  // namespace

record::Reported<record::WorkCounts> work_so_far() {
  using Missing = record::Reported<record::WorkCounts>;
  static const auto read =
      reinterpret_cast<int (*)(WorkCountersV2*)>(dlsym(RTLD_DEFAULT, "rackproof_work_counters_v2"));
  if (read == nullptr) {
    return Missing::missing("this CUDA runtime does not count work");
  }
  WorkCountersV2 counters{};
  if (const int status = read(&counters); status != 0) {
    return Missing::missing("the CUDA runtime's counters cannot be read: status " +
                            std::to_string(status));
  }
  record::WorkCounts work;
  work.kernels = counters.kernels;
  work.ctas = counters.ctas;
  work.warp_instructions = counters.warp_instructions;
  work.thread_instructions = counters.thread_instructions;
  work.matrix_instructions = counters.matrix_instructions;
  work.tensor_flops = counters.tensor_flops;
  work.fp32_flops = counters.fp32_flops;
  work.global_requests = counters.global_requests;
  work.global_sectors = counters.global_sectors;
  work.global_sectors_minimum = counters.global_sectors_minimum;
  work.global_load_bytes = counters.global_load_bytes;
  work.global_store_bytes = counters.global_store_bytes;
  work.unique_global_bytes = counters.unique_global_bytes;
  work.shared_requests = counters.shared_requests;
  work.shared_wavefronts = counters.shared_wavefronts;
  work.shared_wavefronts_minimum = counters.shared_wavefronts_minimum;
  work.async_copy_bytes = counters.async_copy_bytes;
  work.barrier_waits = counters.barrier_waits;
  return work;
}

BulkCounts bulk_so_far() {
  static const auto read =
      reinterpret_cast<int (*)(BulkCounts*)>(dlsym(RTLD_DEFAULT, "rackproof_bulk_counters_v1"));
  BulkCounts counts;
  return read != nullptr && read(&counts) == 0 ? counts : BulkCounts{};
}

record::WorkCounts work_between(const record::WorkCounts& before, const record::WorkCounts& after) {
  record::WorkCounts work = after;
  work.kernels -= before.kernels;
  work.ctas -= before.ctas;
  work.warp_instructions -= before.warp_instructions;
  work.thread_instructions -= before.thread_instructions;
  work.matrix_instructions -= before.matrix_instructions;
  work.tensor_flops -= before.tensor_flops;
  work.fp32_flops -= before.fp32_flops;
  work.global_requests -= before.global_requests;
  work.global_sectors -= before.global_sectors;
  work.global_sectors_minimum -= before.global_sectors_minimum;
  work.global_load_bytes -= before.global_load_bytes;
  work.global_store_bytes -= before.global_store_bytes;
  work.unique_global_bytes -= before.unique_global_bytes;
  work.shared_requests -= before.shared_requests;
  work.shared_wavefronts -= before.shared_wavefronts;
  work.shared_wavefronts_minimum -= before.shared_wavefronts_minimum;
  work.async_copy_bytes -= before.async_copy_bytes;
  work.barrier_waits -= before.barrier_waits;
  return work;
}

}  // namespace rackproof::harness::telemetry

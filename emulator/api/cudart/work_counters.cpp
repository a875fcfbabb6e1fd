// What a runtime of ours can say beyond CUDA's own API: exact counts of the work done so far.

#include "emulator/engine/core.hpp"
#include "emulator/engine/report.hpp"

#include <cstdint>
#include <numeric>

namespace rackproof::emulator::api {

/// Totals of the kernels that this process has finished. Another layout gets another function.
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

/// Of the same kernels, what the TMA unit and its bulk copies moved.
struct BulkCountersV1 {
  std::uint64_t load_bytes;    ///< from global memory, once for each multicast
  std::uint64_t store_bytes;   ///< to global memory
  std::uint64_t shared_bytes;  ///< into shared memory, of every CTA that gets them
};

}  // namespace rackproof::emulator::api

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API

template <typename Classes>
std::uint64_t sum(const Classes& classes) {
  return std::accumulate(classes.begin(), classes.end(), std::uint64_t{0});
}

}  // namespace

extern "C" {

/// 0 when `*counters` is filled; else there is no device.
int rackproof_work_counters_v2(api::WorkCountersV2* counters) {
  engine::Core& core = engine::Core::instance();
  if (core.status() != cudaSuccess || counters == nullptr) {
    return 1;
  }
  const engine::Report::Totals totals = core.report().totals();
  const exec::GridCounters& sums = totals.counters;
  counters->kernels = totals.launches;
  counters->ctas = sums.ctas;
  counters->warp_instructions = sum(sums.warp_instructions);
  counters->thread_instructions = sum(sums.thread_instructions);
  counters->matrix_instructions =
      sums.warp_instructions[static_cast<std::size_t>(exec::InstructionClass::tensor)];
  counters->tensor_flops = sums.mma_flops_f16 + sums.mma_flops_tf32 + sums.mma_flops_fp8 +
                           sums.mma_flops_fp4 + sums.mma_flops_f64 + sums.mma_ops_integer;
  counters->fp32_flops = sums.fp32_flops;
  counters->global_requests = sums.global_requests;
  counters->global_sectors = sums.global_sectors;
  counters->global_sectors_minimum = sums.global_sectors_minimum;
  counters->global_load_bytes = sums.global_load_bytes;
  counters->global_store_bytes = sums.global_store_bytes;
  counters->unique_global_bytes = sums.unique_global_bytes;
  counters->shared_requests = sums.shared_requests;
  counters->shared_wavefronts = sums.shared_wavefronts;
  counters->shared_wavefronts_minimum = sums.shared_wavefronts_minimum;
  counters->async_copy_bytes = sums.async_copy_bytes;
  counters->barrier_waits = sums.barrier_waits;
  return 0;
}

/// As above.
int rackproof_bulk_counters_v1(api::BulkCountersV1* counters) {
  engine::Core& core = engine::Core::instance();
  if (core.status() != cudaSuccess || counters == nullptr) {
    return 1;
  }
  const engine::Report::Totals totals = core.report().totals();
  *counters = {.load_bytes = totals.counters.bulk_load_bytes,
               .store_bytes = totals.counters.bulk_store_bytes,
               .shared_bytes = totals.counters.bulk_shared_bytes};
  return 0;
}

}  // extern "C"

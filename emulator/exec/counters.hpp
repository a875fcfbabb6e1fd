#pragma once
/// Exact counts of the work one grid did; they go into the record and feed the clock model.

#include <array>
#include <cstddef>
#include <cstdint>

namespace rackproof::emulator::exec {

enum class InstructionClass : std::uint8_t {
  integer,
  fp32,
  fp64,
  fp16,
  conversion,
  special_function,
  tensor,
  load_global,
  store_global,
  load_shared,
  store_shared,
  load_store_other,
  atomic,
  async_copy,
  barrier,
  control,
  other,
  count,
};
inline constexpr std::size_t kInstructionClasses =
    static_cast<std::size_t>(InstructionClass::count);

struct GridCounters {
  /// Warp instructions issued and, beside them, instructions of active threads.
  std::array<std::uint64_t, kInstructionClasses> warp_instructions{};
  std::array<std::uint64_t, kInstructionClasses> thread_instructions{};
  double mma_flops_f16 = 0;  ///< f16 and bf16 operands, 2 per multiply-add
  double mma_flops_tf32 = 0;
  double mma_flops_fp8 = 0;
  double mma_flops_fp4 = 0;  ///< e2m1 operands of tcgen05's mxf4 and mxf4nvf4
  double mma_flops_f64 = 0;
  double mma_ops_integer = 0;         ///< 8-, 4- and 1-bit operands, 2 per multiply-add
  double fp32_flops = 0;              ///< fma counts 2, add and mul 1
  std::uint64_t global_requests = 0;  ///< warp-level global accesses
  std::uint64_t global_sectors = 0;   ///< distinct 32-byte sectors over those requests
  /// The fewest sectors that hold the distinct bytes of each request, over those requests.
  std::uint64_t global_sectors_minimum = 0;
  std::uint64_t global_load_bytes = 0;  ///< bytes asked for by active threads
  std::uint64_t global_store_bytes = 0;
  std::uint64_t unique_global_bytes = 0;  ///< distinct 32-byte sectors of the grid x 32: compulsory
  std::uint64_t shared_requests = 0;
  std::uint64_t shared_wavefronts = 0;  ///< passes over the banks, with bank-conflict replays
  std::uint64_t shared_wavefronts_minimum = 0;  ///< passes without any bank conflict
  std::uint64_t distributed_shared_bytes = 0;   ///< of accesses to other CTAs of the cluster
  std::uint64_t barrier_waits = 0;
  std::uint64_t async_copy_bytes = 0;   ///< cp.async
  std::uint64_t bulk_requests = 0;      ///< cp.async.bulk and cp.async.bulk.tensor
  std::uint64_t bulk_load_bytes = 0;    ///< of them, from global memory, a multicast once
  std::uint64_t bulk_store_bytes = 0;   ///< to global memory
  std::uint64_t bulk_shared_bytes = 0;  ///< to shared memory, in every CTA of a multicast
  std::uint64_t ctas = 0;
  std::uint64_t warps = 0;
  std::uint64_t clock_loop_clocks = 0;  ///< that passed while nothing but loops on a clock ran
};

/// Adds the counts of another part of the same work; distinct bytes add up to an upper bound.
inline void add(GridCounters& sum, const GridCounters& part) {
  for (std::size_t i = 0; i < kInstructionClasses; ++i) {
    sum.warp_instructions[i] += part.warp_instructions[i];
    sum.thread_instructions[i] += part.thread_instructions[i];
  }
  sum.mma_flops_f16 += part.mma_flops_f16;
  sum.mma_flops_tf32 += part.mma_flops_tf32;
  sum.mma_flops_fp8 += part.mma_flops_fp8;
  sum.mma_flops_fp4 += part.mma_flops_fp4;
  sum.mma_flops_f64 += part.mma_flops_f64;
  sum.mma_ops_integer += part.mma_ops_integer;
  sum.fp32_flops += part.fp32_flops;
  sum.global_requests += part.global_requests;
  sum.global_sectors += part.global_sectors;
  sum.global_sectors_minimum += part.global_sectors_minimum;
  sum.global_load_bytes += part.global_load_bytes;
  sum.global_store_bytes += part.global_store_bytes;
  sum.unique_global_bytes += part.unique_global_bytes;
  sum.shared_requests += part.shared_requests;
  sum.shared_wavefronts += part.shared_wavefronts;
  sum.shared_wavefronts_minimum += part.shared_wavefronts_minimum;
  sum.distributed_shared_bytes += part.distributed_shared_bytes;
  sum.barrier_waits += part.barrier_waits;
  sum.bulk_requests += part.bulk_requests;
  sum.bulk_load_bytes += part.bulk_load_bytes;
  sum.bulk_store_bytes += part.bulk_store_bytes;
  sum.bulk_shared_bytes += part.bulk_shared_bytes;
  sum.async_copy_bytes += part.async_copy_bytes;
  sum.ctas += part.ctas;
  sum.warps += part.warps;
  sum.clock_loop_clocks += part.clock_loop_clocks;
}

}  // namespace rackproof::emulator::exec

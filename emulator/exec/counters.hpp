#pragma once
/// Exact counts of the work one grid did; they go into the record and feed the clock model.

#include <array>
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
  std::uint64_t barrier_waits = 0;
  std::uint64_t async_copy_bytes = 0;  ///< cp.async and bulk copies
  std::uint64_t ctas = 0;
  std::uint64_t warps = 0;
};

}  // namespace rackproof::emulator::exec

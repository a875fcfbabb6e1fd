#pragma once
/// The emulator's exact counts of the work that this process's kernels did.

#include <cstdint>

namespace rackproof::bench {

struct Work {
  std::uint64_t warp_instructions = 0;
  std::uint64_t thread_instructions = 0;
};

/// Totals so far; throws if the CUDA runtime is not the emulator's.
[[nodiscard]] Work work_so_far();

}  // namespace rackproof::bench

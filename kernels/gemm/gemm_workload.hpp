#pragma once
/// A GEMM on the current device with one of our kernels.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/gemm_split.hpp"

#include <memory>
#include <span>

namespace rackproof::kernels::gemm {

/// What limits the choice of a kernel on a device.
struct DeviceLimits {
  int multiprocessors = 0;
  std::uint64_t shared_bytes_per_block = 0;  ///< opt-in limit
};
/// Of the current device.
[[nodiscard]] DeviceLimits device_limits();

/// Whether the problem has no more rows than the kernel is meant for.
[[nodiscard]] bool is_meant_for(const GemmKernel& kernel, const GemmShape& shape);

/// Some newer compute capabilities offer less shared memory than 8.0: 99 KB on 8.6, 8.9 and 12.x.
[[nodiscard]] bool fits(const GemmKernel& kernel, const DeviceLimits& limits);

struct TileChoice {
  const GemmKernel* kernel = nullptr;
  std::string reason;  ///< for the record
  KSplit split{};
};
/// Of the candidates that are meant for the problem, the one that finishes first by this model:
/// rounds of tiles over the SMs times the area of a tile. A later (smaller) candidate must win by a
/// fifth: it re-reads shared memory more often. Throws runtime::NotAvailable if none fits the
/// device.
[[nodiscard]] TileChoice choose_tile(std::span<const GemmKernel> candidates, const GemmShape& shape,
                                     const DeviceLimits& limits);

/// With more than one slice the workload also owns their partial sums; its kernel's name then ends
/// in "_splitk<slices>" or "_streamk<CTAs>". `choice`: why this kernel.
[[nodiscard]] std::unique_ptr<Workload> make_gemm_workload(
    const GemmProblem& problem, const PrepareOptions& options, const GemmKernel& kernel,
    const KSplit& split = {}, std::string choice = "named by the caller");

}  // namespace rackproof::kernels::gemm

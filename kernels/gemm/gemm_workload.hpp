#pragma once
/// A GEMM on the current device with one of our kernels.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_kernel.hpp"

#include <memory>
#include <span>

namespace rackproof::kernels::gemm {

/// The candidate that finishes first by this model: rounds of tiles over the SMs times the area of
/// a tile. A later (smaller) candidate must win by a fifth: it re-reads shared memory more often.
[[nodiscard]] const GemmKernel& choose_tile(std::span<const GemmKernel> candidates,
                                            const GemmShape& shape, int multiprocessors);

[[nodiscard]] std::unique_ptr<Workload> make_gemm_workload(const GemmProblem& problem,
                                                           const PrepareOptions& options,
                                                           const GemmKernel& kernel);

}  // namespace rackproof::kernels::gemm

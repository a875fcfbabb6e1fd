#pragma once
/// What kernels that copy by the TMA unit share: what it asks of a problem, maps of operands and
/// results, and the launch of clusters.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_kernel.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <optional>
#include <string>

namespace rackproof::kernels::gemm {

/// Why the TMA unit cannot store the results of this problem; empty if it can.
[[nodiscard]] std::optional<std::string> tma_declines(const GemmProblem& problem);

/// A or B, rows of K: boxes of 128 bytes of K of `box_rows` rows, 128-byte swizzle. Two elements of
/// 4 bits are copied as a byte.
[[nodiscard]] CUtensorMap operand_map(const GemmProblem& problem, const void* address,
                                      std::int64_t rows, int box_rows);
/// C or D: boxes of `box_bytes` of `box_rows` rows, with the swizzle of that width (128 or 64).
[[nodiscard]] CUtensorMap result_map(const GemmProblem& problem, const void* address, int box_rows,
                                     int box_bytes);

/// Launches `blocks` CTAs in clusters of kernel.cluster_m. `arguments`: the kernel's one parameter.
void launch_clusters(const GemmKernel& kernel, void* arguments, std::int64_t blocks,
                     cudaStream_t stream);

}  // namespace rackproof::kernels::gemm

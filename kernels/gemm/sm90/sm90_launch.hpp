#pragma once
/// Launches an sm_90a kernel: tensor maps, and a persistent grid of clusters.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_kernel.hpp"

#include <cuda_runtime_api.h>

#include <optional>
#include <string>

namespace rackproof::kernels::gemm::sm90 {

/// Why the TMA unit cannot store the results of this problem; empty if it can.
[[nodiscard]] std::optional<std::string> tma_declines(const GemmProblem& problem);

/// A GemmKernel::launch.
void launch_sm90(const GemmKernel& kernel, const GemmProblem& problem,
                 const KernelArguments& arguments, std::int64_t blocks, cudaStream_t stream);

}  // namespace rackproof::kernels::gemm::sm90

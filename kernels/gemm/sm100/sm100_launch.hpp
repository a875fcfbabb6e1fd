#pragma once
/// Launches an sm_100 kernel: tensor maps, and a grid of CTAs or pairs.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_kernel.hpp"

#include <cuda_runtime_api.h>

namespace rackproof::kernels::gemm::sm100 {

/// A GemmKernel::launch with a CTA for each tile: those that run take over those that wait.
void launch_stealing(const GemmKernel& kernel, const GemmProblem& problem,
                     const KernelArguments& arguments, std::int64_t blocks, cudaStream_t stream);
/// A GemmKernel::launch with as many CTAs as run at once, each of which has every so manieth tile.
void launch_static(const GemmKernel& kernel, const GemmProblem& problem,
                   const KernelArguments& arguments, std::int64_t blocks, cudaStream_t stream);

}  // namespace rackproof::kernels::gemm::sm100

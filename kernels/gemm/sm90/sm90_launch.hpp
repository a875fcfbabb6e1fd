#pragma once
/// Launches an sm_90a kernel: tensor maps, and a persistent grid of clusters.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_kernel.hpp"

#include <cuda_runtime_api.h>

namespace rackproof::kernels::gemm::sm90 {

/// A GemmKernel::launch.
void launch_sm90(const GemmKernel& kernel, const GemmProblem& problem,
                 const KernelArguments& arguments, std::int64_t blocks, cudaStream_t stream);

}  // namespace rackproof::kernels::gemm::sm90

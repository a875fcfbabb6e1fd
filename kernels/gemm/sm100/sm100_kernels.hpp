#pragma once
/// The sm_100 and sm_103 kernels, largest tile first; empty for other types.

#include "kernels/gemm/gemm_kernel.hpp"

namespace rackproof::kernels::gemm::sm100 {

/// bf16, fp16, tf32, fp8. (sm100_dense.cu)
[[nodiscard]] std::span<const GemmKernel> dense_kernels(ElementType type);

/// mxfp8, nvfp4. (sm100_scaled.cu)
[[nodiscard]] std::span<const GemmKernel> scaled_kernels(ElementType type);

/// All kernels for `type`; CTAs take over tiles of CTAs that wait.
[[nodiscard]] std::span<const GemmKernel> kernels(ElementType type);
/// The same code with a fixed share of the tiles for each CTA.
[[nodiscard]] std::span<const GemmKernel> static_kernels(ElementType type);

}  // namespace rackproof::kernels::gemm::sm100

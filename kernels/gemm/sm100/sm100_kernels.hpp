#pragma once
/// The sm_100 and sm_103 kernels, largest tile first; empty for other types.

#include "kernels/gemm/gemm_kernel.hpp"

#include <optional>

namespace rackproof::kernels::gemm::sm100 {

/// bf16, fp16, tf32, fp8. (sm100_dense.cu)
[[nodiscard]] std::span<const GemmKernel> dense_kernels(ElementType type);

/// mxfp8, mxfp4, nvfp4. (sm100_scaled.cu)
[[nodiscard]] std::span<const GemmKernel> scaled_kernels(ElementType type);

/// Swapped operands, for as many columns as a tile can have. (sm100_swapped.cu)
[[nodiscard]] std::optional<GemmKernel> swapped_kernel(ElementType type);
/// The same for 128, 64, 32 and 16 rows of A; those below 128 are for no more rows than they have.
[[nodiscard]] std::span<const GemmKernel> swapped_kernels(ElementType type);

/// Two pairs that share B: bf16, nvfp4. (sm100_dense.cu, sm100_scaled.cu)
[[nodiscard]] std::span<const GemmKernel> dense_multicast_kernels(ElementType type);
[[nodiscard]] std::span<const GemmKernel> scaled_multicast_kernels(ElementType type);
[[nodiscard]] std::span<const GemmKernel> multicast_kernels(ElementType type);

/// Pairs and single CTAs for `type`, not swapped; CTAs take over tiles of CTAs that wait.
[[nodiscard]] std::span<const GemmKernel> kernels(ElementType type);
/// The same code with a fixed share of the tiles for each CTA.
[[nodiscard]] std::span<const GemmKernel> static_kernels(ElementType type);

/// mxfp4, nvfp4 by instructions with 96 of K, which sm_103a has. (sm103_scaled.cu)
[[nodiscard]] std::span<const GemmKernel> wide_kernels(ElementType type);
/// Two pairs that share B. (sm103_scaled.cu)
[[nodiscard]] std::span<const GemmKernel> wide_multicast_kernels(ElementType type);
/// The same code with a fixed share of the tiles for each CTA.
[[nodiscard]] std::span<const GemmKernel> static_wide_kernels(ElementType type);

}  // namespace rackproof::kernels::gemm::sm100

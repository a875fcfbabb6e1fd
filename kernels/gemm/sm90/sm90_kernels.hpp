#pragma once
/// The sm_90a kernels, largest tile first; empty for other types.

#include "kernels/gemm/gemm_kernel.hpp"

namespace rackproof::kernels::gemm::sm90 {

[[nodiscard]] std::span<const GemmKernel> half_kernels(ElementType type);  ///< bf16, fp16
/// fp8, promoted to fp32 after every stage of 128 products.
[[nodiscard]] std::span<const GemmKernel> fp8_kernels(ElementType type);
/// fp8, all of K in the matrix unit: faster, and as exact as its 13 fraction bits.
[[nodiscard]] std::span<const GemmKernel> fast_fp8_kernels(ElementType type);

/// half_kernels() or fp8_kernels().
[[nodiscard]] std::span<const GemmKernel> kernels(ElementType type);

}  // namespace rackproof::kernels::gemm::sm90

#pragma once
/// What a GEMM kernel must leave in D, bit for bit, where the order of its additions is defined: K
/// in order, one instruction after the other, each added to the accumulator as the matrix unit adds
/// (emulator/tensor, held to the vectors of the units), one rounding at the end. The walk knows
/// tiles, stages and layouts of no kernel; only what a kernel adds outside the unit (fp8
/// promotion).

#include "kernels/gemm/gemm_kernel.hpp"

namespace rackproof::kernels::gemm {

enum class Unit : std::uint8_t {
  mma_sync_ada,  ///< compute capability 8.9; f16, bf16 and tf32 as on 8.0
  wgmma,         ///< 9.0
  tcgen05,       ///< 10.0 and 10.3
  tcgen05_k96,   ///< 10.3, types of 4 bits
};

/// Runs the kernel on operands that spread over exponents; in every other row the second half of K
/// takes back the first one, so that nothing is left but what was cut off on the way, which results
/// of 16 bits hold to the last bit. Compares with the walk; fails with the first element that
/// differs.
void expect_bits_of_unit(const GemmKernel& kernel, ElementType type, Unit unit);

}  // namespace rackproof::kernels::gemm

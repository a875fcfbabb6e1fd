#pragma once
/// What a GEMM kernel looks like to the host: its arguments, its tile and how to launch it.
/// A further architecture adds a file with its kernels and one line in gemm_operation.cpp.

#include "kernels/common/element_type.hpp"
#include "kernels/common/error_bound.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace rackproof::kernels::gemm {

/// D[m][n] = alpha * sum_k A[m][k] * B[n][k] + beta * C[m][n]. Pointers are 16-byte aligned.
struct KernelArguments {
  const void* a = nullptr;         ///< M rows of K elements, `lda` apart
  const void* b = nullptr;         ///< N rows of K elements, `ldb` apart
  const void* c = nullptr;         ///< M rows of N elements, dense; not read if beta is 0
  void* d = nullptr;               ///< M rows of N elements, dense
  const void* a_scales = nullptr;  ///< of block-scaled types, as block_scale.hpp lays them out
  const void* b_scales = nullptr;
  std::int64_t lda = 0;  ///< elements; a multiple of 16 bytes
  std::int64_t ldb = 0;
  int m = 0;
  int n = 0;
  int k = 0;
  float alpha = 1.0F;  ///< 1 for integers
  float beta = 0.0F;   ///< 0 or 1 for integers
  /// Split-K: CTA b computes the K-tiles of slice b / tiles, of `slices`. With one slice the
  /// pointers are not used.
  int slices = 1;
  int k_tiles_per_slice = 0;
  void* partials = nullptr;           ///< KSplit::partial_tiles() tiles of accumulators
  std::uint32_t* arrivals = nullptr;  ///< GemmKernel::arrivals a tile, 0 before and after a launch
  /// Stream-K: CTA c computes the K-tiles from c * k_tiles_per_slice on, counted over all tiles.
  bool streams = false;
};

class GemmProblem;

struct GemmKernel {
  std::string_view name;  ///< "gemm_tensor_bf16_128x256x64"
  const void* function = nullptr;
  int tile_m = 0;
  int tile_n = 0;
  int tile_k = 0;
  int threads = 0;
  int shared_bytes = 0;
  int blocks_per_sm = 1;      ///< that fit at once, as __launch_bounds__ promises
  int accumulator_bytes = 0;  ///< of one partial sum; 0: the kernel takes one slice only
  int arrivals = 1;           ///< counters of a tile that several CTAs sum
  int most_rows = 0;          ///< M up to which it is meant to be chosen; 0: any
  int cluster_m = 1;          ///< CTAs one above the other that are launched as a cluster
  int cta_group = 1;          ///< of them, those that multiply together (tcgen05)
  ShortSums short_sums{};     ///< of fp8 units
  int scale_blocks = 0;       ///< of block-scaled types: blocks of scales of a row in a K-tile
  bool wide_steps = false;    ///< 96 of K an instruction: sm_103a
  bool swapped = false;       ///< the rows of B are the rows of the instruction
  /// A CTA for each tile is launched, and those that run take over tiles of those that wait.
  bool grid_of_tiles = false;
  /// How it is launched; nullptr: with KernelArguments, one CTA for each tile and slice. Else it is
  /// persistent: as many CTAs as the device holds, at most one for each tile, in whole clusters.
  void (*launch)(const GemmKernel& kernel, const GemmProblem& problem,
                 const KernelArguments& arguments, std::int64_t blocks,
                 cudaStream_t stream) = nullptr;
};

/// The tensor-core kernels for bf16 and fp16, largest tile first. (gemm_sm80.cu)
[[nodiscard]] std::span<const GemmKernel> sm80_tensor_kernels(ElementType type);
/// tf32 (gemm_sm80_tf32.cu), int8 (gemm_sm80_int8.cu), fp64 (gemm_sm80_fp64.cu).
[[nodiscard]] std::span<const GemmKernel> sm80_tf32_kernels();
[[nodiscard]] std::span<const GemmKernel> sm80_int8_kernels();
[[nodiscard]] std::span<const GemmKernel> sm80_fp64_kernels();
/// The fp32 kernel. (gemm_sm80_fp32.cu)
[[nodiscard]] std::span<const GemmKernel> sm80_simt_kernels();
/// All of the above by type; empty for fp8. (gemm_workload.cpp)
[[nodiscard]] std::span<const GemmKernel> sm80_kernels(ElementType type);
/// fp8 on the fp8 unit of mma.sync, which 8.9 and 12.x have. (gemm_sm89_fp8.cu)
[[nodiscard]] std::span<const GemmKernel> sm89_native_kernels(ElementType type);
/// fp8, widened to fp16 in registers; needs the conversions of sm_89. (gemm_sm89_fp8.cu)
[[nodiscard]] std::span<const GemmKernel> sm89_kernels(ElementType type);
/// The mma.sync and FMA kernels for `type`, which every device of the list runs.
/// (gemm_workload.cpp)
[[nodiscard]] std::vector<GemmKernel> all_kernels(ElementType type);

}  // namespace rackproof::kernels::gemm

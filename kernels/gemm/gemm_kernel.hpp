#pragma once
/// What a GEMM kernel looks like to the host: its arguments, its tile and how to launch it.
/// A further architecture adds a file with its kernels and one line in gemm_operation.cpp.

#include "kernels/common/element_type.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace rackproof::kernels::gemm {

/// D[m][n] = alpha * sum_k A[m][k] * B[n][k] + beta * C[m][n]. Pointers are 16-byte aligned.
struct KernelArguments {
  const void* a = nullptr;  ///< M rows of K elements, `lda` apart
  const void* b = nullptr;  ///< N rows of K elements, `ldb` apart
  const void* c = nullptr;  ///< M rows of N elements, dense; not read if beta is 0
  void* d = nullptr;        ///< M rows of N elements, dense
  std::int64_t lda = 0;     ///< elements; a multiple of 16 bytes
  std::int64_t ldb = 0;
  int m = 0;
  int n = 0;
  int k = 0;
  float alpha = 1.0F;
  float beta = 0.0F;
};

struct GemmKernel {
  std::string_view name;  ///< "gemm_tensor_bf16_128x256x64"
  const void* function = nullptr;
  int tile_m = 0;
  int tile_n = 0;
  int threads = 0;
  int shared_bytes = 0;
  int blocks_per_sm = 1;  ///< that fit at once, as __launch_bounds__ promises
};

/// The tensor-core kernels for a 16-bit type, largest tile first. (gemm_sm80.cu)
[[nodiscard]] std::span<const GemmKernel> sm80_tensor_kernels(ElementType type);
/// The fp32 kernel. (gemm_sm80_fp32.cu)
[[nodiscard]] std::span<const GemmKernel> sm80_simt_kernels();

}  // namespace rackproof::kernels::gemm

#pragma once
/// Kernels whose execution is timed. Each is a pattern that real kernels spend their time in.

#include <cuda_runtime_api.h>

#include <cstdint>

namespace rackproof::bench {

struct LoopShape {
  unsigned blocks = 1;
  unsigned threads = 256;
  unsigned iterations = 1;
};

/// Eight independent chains x = x * 0.5 + 1 a thread, in fp32; `out` has one float a thread, their
/// sum. Chain j of thread i starts at (i + j) % 16.
void launch_fma_loop(const LoopShape& shape, float* out);
/// Adds, multiplies, shifts and logic on 32-bit integers; `out` has one word a thread.
void launch_integer_loop(const LoopShape& shape, std::uint32_t* out);
/// Every iteration splits each warp in two by a condition on data; `out` has one word a thread.
void launch_divergent_loop(const LoopShape& shape, std::uint32_t* out);

/// Copies `count` elements of 4 or 16 bytes; neighbouring threads copy neighbouring elements.
void launch_copy_4(const LoopShape& shape, const void* from, void* to, std::uint32_t count);
void launch_copy_16(const LoopShape& shape, const void* from, void* to, std::uint32_t count);

/// C = A * B in fp32, all n x n row-major, n a multiple of 32: 32x32 tiles in shared memory.
void launch_tiled_gemm(unsigned n, const float* a, const float* b, float* c);

/// C = A * B^T in bf16 with fp32 sums: A and B are n x n row-major codes of bf16, n a multiple of
/// 128. cp.async into two stages, ldmatrix, mma.sync.m16n8k16.
void launch_mma_gemm(unsigned n, const std::uint16_t* a, const std::uint16_t* b, float* c);

/// What one step of each loop computes, for kernel and host alike.
#ifdef __CUDACC__
#define RACKPROOF_BENCH_HOST_DEVICE __host__ __device__
#else
#define RACKPROOF_BENCH_HOST_DEVICE
#endif
RACKPROOF_BENCH_HOST_DEVICE inline std::uint32_t integer_step(std::uint32_t x, std::uint32_t i) {
  x = x * 2654435761U + i;
  x ^= x >> 15;
  x = (x << 7) - x;
  return (x & 0x00ffff00U) + (x | i);
}

}  // namespace rackproof::bench

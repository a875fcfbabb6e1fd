#include "bench/kernels.hpp"

namespace rackproof::bench {
namespace {

constexpr int kChains = 8;

__global__ void fma_loop(float* out, unsigned iterations) {
  const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
  float chains[kChains];
#pragma unroll
  for (int j = 0; j < kChains; ++j) {
    chains[j] = static_cast<float>((index + j) % 16);
  }
#pragma unroll 4
  for (unsigned i = 0; i < iterations; ++i) {
#pragma unroll
    for (int j = 0; j < kChains; ++j) {
      chains[j] = fmaf(chains[j], 0.5F, 1.0F);
    }
  }
  float sum = 0;
#pragma unroll
  for (int j = 0; j < kChains; ++j) {
    sum += chains[j];
  }
  out[index] = sum;
}

__global__ void integer_loop(std::uint32_t* out, unsigned iterations) {
  const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
  std::uint32_t x = index;
  for (unsigned i = 0; i < iterations; ++i) {
    x = integer_step(x, i);
  }
  out[index] = x;
}

__global__ void divergent_loop(std::uint32_t* out, unsigned iterations) {
  const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
  std::uint32_t x = index + 1;
  std::uint32_t odd_steps = 0;
#pragma unroll 1
  for (unsigned i = 0; i < iterations; ++i) {
    // Branches that the compiler cannot turn into selects: both sides have work of their own.
    if ((x & 1U) != 0) {
      asm volatile("");
      x = 3 * x + 1;
      odd_steps += x >> 3;
      odd_steps ^= i;
    } else {
      asm volatile("");
      x = x / 2;
      odd_steps -= x;
    }
  }
  out[index] = x + odd_steps;
}

template <typename T>
__global__ void copy(const T* __restrict__ from, T* __restrict__ to, std::uint32_t count) {
  const std::uint32_t stride = gridDim.x * blockDim.x;
#pragma unroll 4
  for (std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride) {
    to[i] = from[i];
  }
}

constexpr int kTile = 32;

__global__ void tiled_gemm(unsigned n, const float* __restrict__ a, const float* __restrict__ b,
                           float* __restrict__ c) {
  __shared__ float a_tile[kTile][kTile];
  __shared__ float b_tile[kTile][kTile];
  const unsigned x = threadIdx.x;
  const unsigned y = threadIdx.y;
  const unsigned row = blockIdx.y * kTile + y;
  const unsigned column = blockIdx.x * kTile + x;
  float sum = 0;
  for (unsigned k = 0; k < n; k += kTile) {
    a_tile[y][x] = a[row * n + k + x];
    b_tile[y][x] = b[(k + y) * n + column];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kTile; ++i) {
      sum = fmaf(a_tile[y][i], b_tile[i][x], sum);
    }
    __syncthreads();
  }
  c[row * n + column] = sum;
}

}  // namespace

void launch_fma_loop(const LoopShape& shape, float* out) {
  fma_loop<<<shape.blocks, shape.threads>>>(out, shape.iterations);
}
void launch_integer_loop(const LoopShape& shape, std::uint32_t* out) {
  integer_loop<<<shape.blocks, shape.threads>>>(out, shape.iterations);
}
void launch_divergent_loop(const LoopShape& shape, std::uint32_t* out) {
  divergent_loop<<<shape.blocks, shape.threads>>>(out, shape.iterations);
}
void launch_copy_4(const LoopShape& shape, const void* from, void* to, std::uint32_t count) {
  copy<<<shape.blocks, shape.threads>>>(static_cast<const std::uint32_t*>(from),
                                        static_cast<std::uint32_t*>(to), count);
}
void launch_copy_16(const LoopShape& shape, const void* from, void* to, std::uint32_t count) {
  copy<<<shape.blocks, shape.threads>>>(static_cast<const uint4*>(from), static_cast<uint4*>(to),
                                        count);
}
void launch_tiled_gemm(unsigned n, const float* a, const float* b, float* c) {
  tiled_gemm<<<dim3(n / kTile, n / kTile), dim3(kTile, kTile)>>>(n, a, b, c);
}

}  // namespace rackproof::bench

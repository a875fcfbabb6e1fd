/// A plain tensor-core GEMM: 128x128 tiles of C, 32 of k a stage, two stages of cp.async, eight
/// warps of 64x32 results, rows of 64 bytes swizzled by 16-byte chunks.

#include "bench/kernels.hpp"

namespace rackproof::bench {
namespace {

constexpr unsigned kTile = 128;
constexpr unsigned kTileK = 32;
constexpr unsigned kThreads = 256;
constexpr unsigned kRowBytes = kTileK * 2;
constexpr unsigned kStageBytes = 2 * kTile * kRowBytes;
constexpr unsigned kStages = 2;
static_assert(kStages * kStageBytes <= 48 * 1024, "fits without opting in to more shared memory");

/// Eight rows of 16-byte chunks at one k meet all 32 banks.
__device__ unsigned swizzled(unsigned row, unsigned chunk) {
  return row * kRowBytes + ((chunk ^ (row / 2 % 4)) * 16);
}

__device__ void copy_16(unsigned shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global));
}
__device__ void load_matrix(unsigned (&tiles)[4], unsigned address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(tiles[0]), "=r"(tiles[1]), "=r"(tiles[2]), "=r"(tiles[3])
               : "r"(address));
}
__device__ void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ void load_stage(unsigned stage, const std::uint16_t* a, const std::uint16_t* b,
                           unsigned n, unsigned thread) {
  constexpr unsigned kChunks = kRowBytes / 16;
#pragma unroll
  for (unsigned i = thread; i < kTile * kChunks; i += kThreads) {
    const unsigned row = i / kChunks;
    const unsigned chunk = i % kChunks;
    copy_16(stage + swizzled(row, chunk), a + row * n + chunk * 8);
    copy_16(stage + kTile * kRowBytes + swizzled(row, chunk), b + row * n + chunk * 8);
  }
}

__global__ void __launch_bounds__(kThreads)
    mma_gemm(unsigned n, const std::uint16_t* __restrict__ a, const std::uint16_t* __restrict__ b,
             float* __restrict__ c) {
  __shared__ __align__(128) unsigned char shared[kStages * kStageBytes];
  const auto base = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const unsigned thread = threadIdx.x;
  const unsigned lane = thread % 32;
  const unsigned warp_row = thread / 32 / 4 * 64;
  const unsigned warp_column = thread / 32 % 4 * 32;
  a += blockIdx.y * kTile * n;
  b += blockIdx.x * kTile * n;

  float sums[4][4][4] = {};
  load_stage(base, a, b, n, thread);
  asm volatile("cp.async.commit_group;");
  for (unsigned k = 0; k < n; k += kTileK) {
    const unsigned stage = base + k / kTileK % kStages * kStageBytes;
    if (k + kTileK < n) {
      load_stage(base + (k / kTileK + 1) % kStages * kStageBytes, a + k + kTileK, b + k + kTileK, n,
                 thread);
    }
    asm volatile("cp.async.commit_group;");
    asm volatile("cp.async.wait_group 1;");
    __syncthreads();
#pragma unroll
    for (unsigned step = 0; step < kTileK / 16; ++step) {
      unsigned a_tiles[4][4];
      unsigned b_tiles[2][4];
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        load_matrix(a_tiles[i],
                    stage + swizzled(warp_row + i * 16 + lane % 16, 2 * step + lane / 16));
      }
#pragma unroll
      for (unsigned j = 0; j < 2; ++j) {
        const unsigned column = warp_column + j * 16 + lane % 8 + lane / 16 * 8;
        load_matrix(b_tiles[j],
                    stage + kTile * kRowBytes + swizzled(column, 2 * step + lane / 8 % 2));
      }
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
#pragma unroll
        for (unsigned j = 0; j < 4; ++j) {
          multiply(sums[i][j], a_tiles[i], b_tiles[j / 2][j % 2 * 2],
                   b_tiles[j / 2][j % 2 * 2 + 1]);
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) {
#pragma unroll
    for (unsigned j = 0; j < 4; ++j) {
      const unsigned row = blockIdx.y * kTile + warp_row + i * 16 + lane / 4;
      const unsigned column = blockIdx.x * kTile + warp_column + j * 8 + lane % 4 * 2;
      auto* const to = reinterpret_cast<float2*>(c + row * n + column);
      *to = make_float2(sums[i][j][0], sums[i][j][1]);
      to[4 * n] = make_float2(sums[i][j][2], sums[i][j][3]);
    }
  }
}

}  // namespace

void launch_mma_gemm(unsigned n, const std::uint16_t* a, const std::uint16_t* b, float* c) {
  mma_gemm<<<dim3(n / kTile, n / kTile), kThreads>>>(n, a, b, c);
}

}  // namespace rackproof::bench

/// Streaming kernels: 16-byte accesses, a grid that fills the device once, several loads in flight
/// in each thread. README.md derives how many.

#include "kernels/memory/memory_kernel.hpp"
#include "kernels/ptx/memory.cuh"

#include <array>

namespace rackproof::kernels::memory {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocksPerSm = 8;    ///< 2048 threads: every SM of the list but none is left partial
constexpr int kLoadsInFlight = 4;  ///< 16-byte loads of a thread before the first use
constexpr int kWarpSize = 32;

__device__ __forceinline__ std::uint64_t thread_index() {
  return static_cast<std::uint64_t>(blockIdx.x) * kThreads + threadIdx.x;
}
__device__ __forceinline__ std::uint64_t grid_threads() {
  return static_cast<std::uint64_t>(gridDim.x) * kThreads;
}

/// Calls load(i, slot) for up to `Slots` vectors of this thread, then use(i, slot) for the same,
/// until all are done.
template <int Slots, typename Load, typename Use>
__device__ __forceinline__ void stream(std::uint64_t vectors, Load load, Use use) {
  const std::uint64_t step = grid_threads();
  for (std::uint64_t first = thread_index(); first < vectors; first += Slots * step) {
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      if (first + slot * step < vectors) {
        load(first + slot * step, slot);
      }
    }
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      if (first + slot * step < vectors) {
        use(first + slot * step, slot);
      }
    }
  }
}

__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    memory_copy_kernel(const KernelArguments arguments) {
  uint4 values[kLoadsInFlight];
  stream<kLoadsInFlight>(
      arguments.vectors,
      [&](std::uint64_t i, int slot) {
        values[slot] = ptx::ld_global_stream_16(static_cast<const uint4*>(arguments.b) + i);
      },
      [&](std::uint64_t i, int slot) {
        ptx::st_global_stream_16(static_cast<uint4*>(arguments.a) + i, values[slot]);
      });
}

__device__ __forceinline__ std::uint32_t fma_bits(float scalar, std::uint32_t c, std::uint32_t b) {
  return __float_as_uint(fmaf(scalar, __uint_as_float(c), __uint_as_float(b)));
}

__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    memory_triad_kernel(const KernelArguments arguments) {
  // Two arrays: half the vectors of each.
  constexpr int kSlots = kLoadsInFlight / 2;
  uint4 b[kSlots];
  uint4 c[kSlots];
  stream<kSlots>(
      arguments.vectors,
      [&](std::uint64_t i, int slot) {
        b[slot] = ptx::ld_global_stream_16(static_cast<const uint4*>(arguments.b) + i);
        c[slot] = ptx::ld_global_stream_16(static_cast<const uint4*>(arguments.c) + i);
      },
      [&](std::uint64_t i, int slot) {
        const float s = arguments.scalar;
        ptx::st_global_stream_16(
            static_cast<uint4*>(arguments.a) + i,
            make_uint4(fma_bits(s, c[slot].x, b[slot].x), fma_bits(s, c[slot].y, b[slot].y),
                       fma_bits(s, c[slot].z, b[slot].z), fma_bits(s, c[slot].w, b[slot].w)));
      });
}

/// Sums modulo 2^32 give the same result in any order.
__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    memory_read_kernel(const KernelArguments arguments) {
  uint4 values[kLoadsInFlight];
  std::uint32_t sum = 0;
  stream<kLoadsInFlight>(
      arguments.vectors,
      [&](std::uint64_t i, int slot) {
        values[slot] = ptx::ld_global_stream_16(static_cast<const uint4*>(arguments.b) + i);
      },
      [&](std::uint64_t, int slot) {
        sum += values[slot].x + values[slot].y + values[slot].z + values[slot].w;
      });

  __shared__ std::uint32_t warp_sums[kThreads / kWarpSize];
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  constexpr unsigned kAllLanes = 0xFFFF'FFFF;
#pragma unroll
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(kAllLanes, sum, distance);
  }
  if (lane == 0) {
    warp_sums[warp] = sum;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    std::uint32_t total = 0;
#pragma unroll
    for (int i = 0; i < kThreads / kWarpSize; ++i) {
      total += warp_sums[i];
    }
    arguments.partials[blockIdx.x] = total;
  }
}

MemoryKernel describe(std::string_view name, void (*kernel)(KernelArguments)) {
  return {.name = name,
          .function = reinterpret_cast<const void*>(kernel),
          .threads = kThreads,
          .blocks_per_sm = kBlocksPerSm};
}

}  // namespace

const MemoryKernel& sm80_memory_kernel(Pattern pattern) {
  static const std::array kKernels{describe("memory_copy_fp32x4", &memory_copy_kernel),
                                   describe("memory_triad_fp32x4", &memory_triad_kernel),
                                   describe("memory_read_fp32x4", &memory_read_kernel)};
  return kKernels.at(static_cast<std::size_t>(pattern));
}

}  // namespace rackproof::kernels::memory

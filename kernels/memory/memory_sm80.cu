/// Streaming kernels: 16-byte accesses, a grid that fills the device once, several loads in flight
/// in each thread.

#include "kernels/memory/memory_kernel.hpp"
#include "kernels/ptx/memory.cuh"

#include <cstring>
#include <stdexcept>

namespace rackproof::kernels::memory {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocksPerSm = 8;    ///< 2048 threads: every SM of the list but none is left partial
constexpr int kLoadsInFlight = 4;  ///< 16-byte loads of a thread before the first use
/// The same where a scalar and its arithmetic need registers too: 32 hold all on every target.
constexpr int kScaledLoadsInFlight = 3;
constexpr int kWarpSize = 32;

/// Little's law: bytes in flight = rate x latency. The fastest memory of configs/racks/ (8 TB/s to
/// 152 SMs) at 0.8 us under load, which is an assumption: no measurement is published.
namespace budget {
constexpr double kFastestMemory_bytes_per_s = 8e12;
constexpr double kLoadedLatency_s = 0.8e-6;
constexpr int kMultiprocessors = 152;
constexpr double kNeeded_bytes_per_sm =
    kFastestMemory_bytes_per_s * kLoadedLatency_s / kMultiprocessors;
constexpr int kVector_bytes = 16;
constexpr double kInFlight_bytes_per_sm =
    kBlocksPerSm * kThreads * kScaledLoadsInFlight * kVector_bytes;
static_assert(kInFlight_bytes_per_sm >= 2 * kNeeded_bytes_per_sm,
              "loads in flight must cover the latency of device memory twice over");
}  // namespace budget

__device__ __forceinline__ std::uint64_t grid_threads() {
  return static_cast<std::uint64_t>(gridDim.x) * kThreads;
}

/// Calls load(i, slot) for up to `Slots` vectors of a thread of `block`, then use(i, slot) for the
/// same, until all are done.
template <int Slots, typename Load, typename Use>
__device__ __forceinline__ void stream(std::uint32_t block, std::uint64_t vectors, Load load,
                                       Use use) {
  const std::uint64_t step = grid_threads();
  const std::uint64_t begin = static_cast<std::uint64_t>(block) * kThreads + threadIdx.x;
  for (std::uint64_t first = begin; first < vectors; first += Slots * step) {
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

__device__ __forceinline__ const uint4* vector_at(const void* array, std::uint64_t i) {
  return static_cast<const uint4*>(array) + i;
}
__device__ __forceinline__ uint4* vector_at(void* array, std::uint64_t i) {
  return static_cast<uint4*>(array) + i;
}

__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    memory_copy_kernel(const KernelArguments arguments) {
  uint4 values[kLoadsInFlight];
  stream<kLoadsInFlight>(
      blockIdx.x, arguments.vectors,
      [&](std::uint64_t i, int slot) {
        values[slot] = ptx::ld_global_stream_16(vector_at(arguments.b, i));
      },
      [&](std::uint64_t i, int slot) {
        ptx::st_global_stream_16(vector_at(arguments.a, i), values[slot]);
      });
}

__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    memory_write_kernel(const KernelArguments arguments) {
  constexpr int kWordsPerVector = 4;
  stream<kLoadsInFlight>(
      blockIdx.x, arguments.vectors, [](std::uint64_t, int) {},
      [&](std::uint64_t i, int) {
        const std::uint32_t first = written_word(kWordsPerVector * i, arguments.seed);
        ptx::st_global_stream_16(vector_at(arguments.a, i),
                                 make_uint4(first, first + kWordFactor, first + 2 * kWordFactor,
                                            first + 3 * kWordFactor));
      });
}

/// One rounding each, as the reference computes it: nothing is left to contraction.
struct Scale {
  static __device__ float apply(float s, float b, float) { return __fmul_rn(s, b); }
  static __device__ double apply(double s, double b, double) { return __dmul_rn(s, b); }
};
struct Add {
  static __device__ float apply(float, float b, float c) { return __fadd_rn(b, c); }
  static __device__ double apply(double, double b, double c) { return __dadd_rn(b, c); }
};
struct Triad {
  static __device__ float apply(float s, float b, float c) { return __fmaf_rn(s, c, b); }
  static __device__ double apply(double s, double b, double c) { return __fma_rn(s, c, b); }
};

template <typename Compute, typename T>
__device__ __forceinline__ uint4 combine(T scalar, const uint4& b, const uint4& c) {
  constexpr int kValues = sizeof(uint4) / sizeof(T);
  T b_values[kValues];
  T c_values[kValues];
  memcpy(b_values, &b, sizeof(uint4));
  memcpy(c_values, &c, sizeof(uint4));
  T a_values[kValues];
#pragma unroll
  for (int i = 0; i < kValues; ++i) {
    a_values[i] = Compute::apply(scalar, b_values[i], c_values[i]);
  }
  uint4 a;
  memcpy(&a, a_values, sizeof(uint4));
  return a;
}

template <typename Compute, typename T, bool HasC>
__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    memory_compute_kernel(const KernelArguments arguments) {
  // Two arrays: half the vectors of each.
  constexpr int kSlots = HasC ? kLoadsInFlight / 2 : kScaledLoadsInFlight;
  const T scalar = static_cast<T>(arguments.scalar);
  uint4 b[kSlots];
  uint4 c[kSlots] = {};
  stream<kSlots>(
      blockIdx.x, arguments.vectors,
      [&](std::uint64_t i, int slot) {
        b[slot] = ptx::ld_global_stream_16(vector_at(arguments.b, i));
        if constexpr (HasC) {
          c[slot] = ptx::ld_global_stream_16(vector_at(arguments.c, i));
        }
      },
      [&](std::uint64_t i, int slot) {
        ptx::st_global_stream_16(vector_at(arguments.a, i),
                                 combine<Compute, T>(scalar, b[slot], c[slot]));
      });
}

/// Sums modulo 2^32 give the same result in any order.
__device__ __forceinline__ void store_block_sum(std::uint32_t sum, std::uint32_t* partials) {
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
    partials[blockIdx.x] = total;
  }
}

__device__ __forceinline__ std::uint32_t word_sum(const uint4& v) {
  return v.x + v.y + v.z + v.w;
}

__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    memory_read_kernel(const KernelArguments arguments) {
  uint4 values[kLoadsInFlight];
  std::uint32_t sum = 0;
  stream<kLoadsInFlight>(
      blockIdx.x, arguments.vectors,
      [&](std::uint64_t i, int slot) {
        values[slot] = ptx::ld_global_stream_16(vector_at(arguments.b, i));
      },
      [&](std::uint64_t, int slot) { sum += word_sum(values[slot]); });
  store_block_sum(sum, arguments.partials);
}

/// Each round another SM reads a piece: what is measured is the L2 and not how near a piece lies.
__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    memory_l2_read_kernel(const KernelArguments arguments) {
  uint4 values[kLoadsInFlight];
  std::uint32_t sum = 0;
  std::uint32_t block = blockIdx.x;
  for (std::uint64_t round = 0; round < arguments.rounds; ++round) {
    stream<kLoadsInFlight>(
        block, arguments.vectors,
        [&](std::uint64_t i, int slot) {
          values[slot] = ptx::ld_global_l2_16(vector_at(arguments.b, i));
        },
        [&](std::uint64_t, int slot) { sum += word_sum(values[slot]); });
    block = block + 1 == gridDim.x ? 0 : block + 1;
  }
  store_block_sum(sum, arguments.partials);
}

MemoryKernel describe(std::string_view name, void (*kernel)(KernelArguments)) {
  return {.name = name,
          .function = reinterpret_cast<const void*>(kernel),
          .threads = kThreads,
          .blocks_per_sm = kBlocksPerSm};
}

template <typename T>
const MemoryKernel* compute_kernel(Pattern pattern) {
  constexpr bool kIsDouble = sizeof(T) == sizeof(double);
  static const MemoryKernel kScaleKernel =
      describe(kIsDouble ? "memory_scale_fp64x2" : "memory_scale_fp32x4",
               &memory_compute_kernel<Scale, T, false>);
  static const MemoryKernel kAddKernel = describe(
      kIsDouble ? "memory_add_fp64x2" : "memory_add_fp32x4", &memory_compute_kernel<Add, T, true>);
  static const MemoryKernel kTriadKernel =
      describe(kIsDouble ? "memory_triad_fp64x2" : "memory_triad_fp32x4",
               &memory_compute_kernel<Triad, T, true>);
  return pattern == Pattern::scale   ? &kScaleKernel
         : pattern == Pattern::add   ? &kAddKernel
         : pattern == Pattern::triad ? &kTriadKernel
                                     : nullptr;
}

}  // namespace

const MemoryKernel& sm80_memory_kernel(Pattern pattern, ElementType type) {
  static const MemoryKernel kCopy = describe("memory_copy_b128", &memory_copy_kernel);
  static const MemoryKernel kWrite = describe("memory_write_b128", &memory_write_kernel);
  static const MemoryKernel kRead = describe("memory_read_b128", &memory_read_kernel);
  static const MemoryKernel kL2Read = describe("memory_l2_read_b128", &memory_l2_read_kernel);
  switch (pattern) {
    case Pattern::copy:
      return kCopy;
    case Pattern::write:
      return kWrite;
    case Pattern::read:
      return kRead;
    case Pattern::l2_read:
      return kL2Read;
    default:
      break;
  }
  const MemoryKernel* const kernel =
      type == ElementType::fp64 ? compute_kernel<double>(pattern) : compute_kernel<float>(pattern);
  if (kernel == nullptr) {
    throw std::invalid_argument("sm80_memory_kernel: the pattern is a chase");
  }
  return *kernel;
}

}  // namespace rackproof::kernels::memory

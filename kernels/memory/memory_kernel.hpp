#pragma once
/// What a memory kernel looks like to the host.

#include "kernels/memory/memory.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <string_view>

namespace rackproof::kernels::memory {

/// Arrays are `vectors` times 16 bytes.
///   copy: a = b. scale: a = s b. add: a = b + c. triad: a = b + s c, with one rounding.
///   write: 32-bit word w of a = written_word(w, seed).
///   read: partials[block] = sum of the 32-bit patterns of b that block read, modulo 2^32.
///   l2_read: the same, `rounds` times over: in round r block k reads what block k + r would.
struct KernelArguments {
  void* a = nullptr;
  const void* b = nullptr;
  const void* c = nullptr;
  std::uint32_t* partials = nullptr;
  std::uint64_t vectors = 0;
  std::uint64_t rounds = 1;
  double scalar = 0;
  std::uint32_t seed = 0;
};

/// The odd factor is 2^32 over the golden ratio (Knuth, TAOCP 3, 6.4): half of all bits toggle from
/// word to word, as in random data.
inline constexpr std::uint32_t kWordFactor = 0x9E3779B1U;
[[nodiscard]] __host__ __device__ constexpr std::uint32_t written_word(std::uint64_t word,
                                                                       std::uint32_t seed) {
  return (static_cast<std::uint32_t>(word) + seed) * kWordFactor;
}

/// Thread t of all T threads of the grid handles vectors t, t + T, t + 2T, ...
struct MemoryKernel {
  std::string_view name;
  const void* function = nullptr;
  int threads = 0;
  int blocks_per_sm = 0;
};

/// Of a stream or l2_read; `type` matters for patterns that compute.
[[nodiscard]] const MemoryKernel& sm80_memory_kernel(Pattern pattern, ElementType type);

/// One thread. Node i is the 64-bit address of the next one, at `nodes` + i kNodeBytes.
struct ChaseArguments {
  std::uint64_t start = 0;       ///< address of the first node
  std::uint64_t* end = nullptr;  ///< address that the last access found
  std::uint64_t accesses = 0;    ///< a multiple of kChaseUnroll
};
inline constexpr std::uint64_t kChaseUnroll = 16;
struct ChaseKernel {
  std::string_view name;
  const void* function = nullptr;
};
[[nodiscard]] const ChaseKernel& sm80_chase_kernel(Pattern pattern);

/// Links node order[i] to node order[i + 1] and the last to the first.
void link_nodes(void* nodes, const std::uint32_t* order, std::uint64_t count, cudaStream_t stream);

}  // namespace rackproof::kernels::memory

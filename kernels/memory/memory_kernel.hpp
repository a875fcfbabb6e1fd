#pragma once
/// What a memory kernel looks like to the host.

#include "kernels/memory/memory.hpp"

#include <cstdint>
#include <string_view>

namespace rackproof::kernels::memory {

/// copy: a = b. triad: a = b + scalar * c. read: partials[block] = sum of the 32-bit patterns of b
/// that block read, modulo 2^32. All arrays are `vectors` times 16 bytes.
struct KernelArguments {
  void* a = nullptr;
  const void* b = nullptr;
  const void* c = nullptr;
  std::uint32_t* partials = nullptr;
  std::uint64_t vectors = 0;
  float scalar = 0;
};

/// Thread t of all T threads of the grid handles vectors t, t + T, t + 2T, ...
struct MemoryKernel {
  std::string_view name;
  const void* function = nullptr;
  int threads = 0;
  int blocks_per_sm = 0;
};

[[nodiscard]] const MemoryKernel& sm80_memory_kernel(Pattern pattern);

}  // namespace rackproof::kernels::memory

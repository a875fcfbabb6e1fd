#pragma once
/// Fills buffers with exact inputs and checks results, on the device: at GB sizes the host would
/// take longer than the collective.

#include "collectives/collective.hpp"
#include "collectives/types.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>

namespace rackproof::collectives::exact {

/// Which contribution or reduction a buffer holds.
struct Pattern {
  DataType type = DataType::float32;
  ReduceOp op = ReduceOp::sum;
  int rank = 0;
  int ranks = 1;
  std::uint64_t first_element = 0;  ///< element that buffer index 0 stands for
};

/// Result of count_wrong. Clear it with cleared_mismatches() first.
struct Mismatches {
  std::uint64_t wrong_elements;
  std::uint64_t lowest_index;  ///< in the buffer; UINT64_MAX: none
};
[[nodiscard]] constexpr Mismatches cleared_mismatches() {
  return {0, UINT64_MAX};
}

/// Enqueues buffer[i] = contribution(first_element + i).
void fill_contributions(void* buffer, std::uint64_t elements, const Pattern& pattern,
                        cudaStream_t stream);

/// Enqueues a bitwise comparison of buffer[i] with reduced(first_element + i); adds to `result`
/// in device memory.
void count_wrong(const void* buffer, std::uint64_t elements, const Pattern& pattern,
                 Mismatches* result, cudaStream_t stream);

}  // namespace rackproof::collectives::exact

#pragma once
/// XOR swizzle of shared-memory tiles: free of bank conflicts for cp.async writes, ldmatrix reads
/// and 16-byte row accesses.

#include <cuda_runtime_api.h>

#include <cstdint>

namespace rackproof::kernels {

/// Byte offset of 16-byte chunk `chunk` in row `row` of a tile whose rows are `RowBytes` long.
///
/// Eight lanes of a 16-byte access (one wavefront) must touch eight different 16-byte bank groups
/// of the 128-byte bank line. For RowBytes >= 128 the chunk index is XORed with row % 8, so that a
/// column of eight rows spreads over all groups. For RowBytes = 64 two rows share a bank line, and
/// the chunk is XORed with (row / 2) % 4: rows r and r+1 differ by the half line they lie in.
template <int RowBytes>
__host__ __device__ constexpr std::uint32_t swizzled_offset(int row, int chunk) {
  static_assert(RowBytes == 64 || RowBytes % 128 == 0,
                "the swizzle is defined for rows of 64 bytes or of whole 128-byte bank lines");
  const int mixed = RowBytes == 64 ? chunk ^ ((row / 2) % 4) : chunk ^ (row % 8);
  return static_cast<std::uint32_t>(row * RowBytes + mixed * 16);
}

/// The same for 16-byte reads in which four neighbouring lanes share a row (fp64 fragments): eight
/// lanes meet four chunks of two rows, which must lie in different halves of the 128-byte line.
__host__ __device__ constexpr std::uint32_t pair_swizzled_offset(int row, int chunk) {
  return static_cast<std::uint32_t>(row * 128 + (chunk ^ (row % 2 * 4)) * 16);
}

}  // namespace rackproof::kernels

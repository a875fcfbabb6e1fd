#pragma once
/// Warp-collective stores of 8x8 tiles of 16-bit elements to shared memory.
/// PTX ISA 9.0, 9.7.14.5.16 stmatrix (sm_90). Lane l supplies the 16-byte aligned address of row
/// l%8 of tile l/8.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Four tiles; lane l holds elements (l/4, 2*(l%4)) and (l/4, 2*(l%4)+1) of each.
__device__ __forceinline__ void stmatrix_x4(std::uint32_t row_address,
                                            const std::uint32_t (&tiles)[4]) {
  asm volatile(
      "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};\n" ::"r"(row_address),
      "r"(tiles[0]), "r"(tiles[1]), "r"(tiles[2]), "r"(tiles[3])
      : "memory");
}

/// Four tiles, transposed; lane l holds elements (2*(l%4), l/4) and (2*(l%4)+1, l/4) of each.
__device__ __forceinline__ void stmatrix_x4_trans(std::uint32_t row_address,
                                                  const std::uint32_t (&tiles)[4]) {
  asm volatile(
      "stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};\n" ::"r"(row_address),
      "r"(tiles[0]), "r"(tiles[1]), "r"(tiles[2]), "r"(tiles[3])
      : "memory");
}

}  // namespace rackproof::kernels::ptx

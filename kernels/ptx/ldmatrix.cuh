#pragma once
/// Warp-collective loads of 8x8 tiles of 16-bit elements from shared memory.
/// PTX ISA 9.0, 9.7.14.5 "Matrix multiply-accumulate operation using mma
/// instruction": ldmatrix. Lane l supplies the 16-byte aligned address of row l%8
/// of tile l/8; lane l holds elements (l/4, 2*(l%4)) and (l/4, 2*(l%4)+1) of each tile.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Four tiles.
__device__ __forceinline__ void ldmatrix_x4(std::uint32_t (&tiles)[4], std::uint32_t row_address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(tiles[0]), "=r"(tiles[1]), "=r"(tiles[2]), "=r"(tiles[3])
               : "r"(row_address)
               : "memory");
}

/// Four tiles, each transposed on the way to the registers.
__device__ __forceinline__ void ldmatrix_x4_trans(std::uint32_t (&tiles)[4],
                                                  std::uint32_t row_address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(tiles[0]), "=r"(tiles[1]), "=r"(tiles[2]), "=r"(tiles[3])
               : "r"(row_address)
               : "memory");
}

}  // namespace rackproof::kernels::ptx

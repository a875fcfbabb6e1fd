#pragma once
/// Arithmetic of the matrix units, bit for bit, one tile at a time.
/// Source: reference notes on microsoft/MMA-Sim (arXiv 2511.10909): the products of one instruction
/// and its addend are aligned to the largest exponent, truncated and added exactly.

#include <cstdint>

namespace rackproof::emulator::tensor {

enum class Format : std::uint8_t { f16, bf16, tf32, e4m3, e5m2 };
enum class Accumulator : std::uint8_t { f16, f32 };
/// Whose arithmetic: mma.sync on Hopper and on Blackwell is the same.
enum class Generation : std::uint8_t { ampere, ada, hopper };

struct MmaShape {
  int m = 16;
  int n = 8;
  int k = 16;
};

/// D = A * B + C for one instruction. `a`: m x k, row-major codes (one element a word); `b`: n x k
/// (B transposed); `c` and `d`: m x n, row-major, f32 bits or f16 codes. `d` may be `c`.
void multiply_accumulate(Generation generation, Format format, Accumulator accumulator,
                         MmaShape shape, const std::uint32_t* a, const std::uint32_t* b,
                         const std::uint32_t* c, std::uint32_t* d);

}  // namespace rackproof::emulator::tensor

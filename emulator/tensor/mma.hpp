#pragma once
/// Arithmetic of the matrix units, bit for bit, one tile at a time.
/// Source: arXiv 2511.10909 (MMA-Sim, a model its authors found bit-equal to hardware): the exact
/// products of one step and the addend are cut toward zero at F fraction bits below the largest
/// exponent among them, then added exactly and rounded once. A step is K/2 of the largest shape on
/// Ampere and Ada (F = 24, for fp8 13) and the whole K on Hopper (F = 25). Results in f32 are
/// truncated (fp8: to 13 fraction bits), results in f16 rounded to nearest even; NaN is 7fffffff or
/// 7fff, a zero is +0.

#include <cstdint>
#include <stdexcept>

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

/// An instruction whose arithmetic nobody has described: fp8 through mma.sync on Hopper.
class UnknownArithmetic : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// D = A * B + C for one instruction. `a`: m x k, row-major codes (one element a word, high bits
/// zero; of tf32 the low 13 bits are ignored); `b`: n x k (B transposed); `c` and `d`: m x n,
/// row-major, f32 bits or f16 codes. `d` may be `c`. The two formats differ only within fp8.
/// Throws UnknownArithmetic; a shape with k above 16 (fp8: 32) is std::invalid_argument.
void multiply_accumulate(Generation generation, Format format_a, Format format_b,
                         Accumulator accumulator, MmaShape shape, const std::uint32_t* a,
                         const std::uint32_t* b, const std::uint32_t* c, std::uint32_t* d);
/// The same with one format for A and B.
void multiply_accumulate(Generation generation, Format format, Accumulator accumulator,
                         MmaShape shape, const std::uint32_t* a, const std::uint32_t* b,
                         const std::uint32_t* c, std::uint32_t* d);

}  // namespace rackproof::emulator::tensor

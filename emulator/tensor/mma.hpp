#pragma once
/// Arithmetic of the matrix units, bit for bit, one tile at a time.
/// Source: arXiv 2511.10909 (MMA-Sim, a model its authors found bit-equal to hardware): the exact
/// products of one step and the addend are cut toward zero at F fraction bits below the largest
/// exponent among them, then added exactly and rounded once. A step is K/2 of the largest shape on
/// Ampere and Ada (F = 24, for fp8 13) and the whole K on Hopper (F = 25). Results in f32 are
/// truncated (Ada's fp8: to 13 fraction bits), results in f16 rounded to nearest even; NaN is
/// 7fffffff or 7fff, a zero is +0.
///
/// Hopper and Blackwell (sm_90 to sm_110) have no fp8 mma.sync of their own. ptxas (13.0) expands
/// it, as its output for a kernel of ours shows: every operand is converted to f16; two f16
/// multiplications, over the k with k % 4 < 2 and then over the others, start from zero; C is added
/// to their sum last, rounded to nearest. RTX Blackwell (sm_120) has it, with Hopper's F.

#include <cstdint>
#include <stdexcept>

namespace rackproof::emulator::tensor {

enum class Format : std::uint8_t { f16, bf16, tf32, e4m3, e5m2, e2m3, e3m2, e2m1 };
enum class Accumulator : std::uint8_t { f16, f32 };
/// Whose arithmetic: mma.sync on Hopper and on Blackwell is the same, but for fp8 on sm_120.
enum class Generation : std::uint8_t { ampere, ada, hopper, rtx_blackwell };

struct MmaShape {
  int m = 16;
  int n = 8;
  int k = 16;
};

/// An instruction whose arithmetic nobody has described.
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

/// The code of the same number in another accumulator, rounded to nearest even; a zero is +0.
[[nodiscard]] std::uint32_t convert_accumulator(Accumulator from, Accumulator to,
                                                std::uint32_t code);

}  // namespace rackproof::emulator::tensor

#pragma once
/// Matrix instructions whose arithmetic has no unit of its own to describe: integers and f64.
/// Source: PTX ISA 9.0, section 9.7.14.5: integer sums wrap or, with .satfinite, end at the limits
/// of s32; f64 is a chain of IEEE fused multiply-adds over rising k (as MMA-Sim has it).

#include "emulator/tensor/mma.hpp"

#include <cstdint>

namespace rackproof::emulator::tensor {

/// a: m x k, b: n x k (B transposed), c and d: m x n; row-major. `d` may be `c`.
void multiply_accumulate_integer(MmaShape shape, bool satfinite, const std::int16_t* a,
                                 const std::int16_t* b, const std::int32_t* c, std::int32_t* d);

enum class BitOperation : std::uint8_t { exclusive_or, conjunction };
/// .b1: counts the ones of `a op b`. k in bits, a multiple of 32; bit 0 of a word is the lowest k.
void multiply_accumulate_bits(MmaShape shape, BitOperation operation, const std::uint32_t* a,
                              const std::uint32_t* b, const std::int32_t* c, std::int32_t* d);

enum class DoubleRounding : std::uint8_t { nearest_even, zero, down, up };
void multiply_accumulate_f64(MmaShape shape, DoubleRounding rounding, const double* a,
                             const double* b, const double* c, double* d);

}  // namespace rackproof::emulator::tensor

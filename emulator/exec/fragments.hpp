#pragma once
/// Which thread holds which element of a matrix: the fragments of mma.sync (PTX ISA 9.0, section
/// 9.7.14.5). Those of wmma are unspecified there; here they are mma.sync's, block after block.

#include "emulator/exec/op.hpp"
#include "emulator/tensor/exact_mma.hpp"
#include "emulator/tensor/mma.hpp"

#include <cstdint>

namespace rackproof::emulator::exec {

class Warp;
struct GridCounters;

/// Where one register of one thread starts: rows of A and columns of B are lines along k.
struct FragmentPlace {
  std::uint32_t line = 0;
  std::uint32_t k = 0;
};

/// A (m x k) or B (k x n, by columns) in registers of `register_bits`, elements of `bits`.
struct OperandLayout {
  std::uint32_t lines = 16;  ///< m of A, n of B
  std::uint32_t k = 16;
  std::uint32_t bits = 16;
  bool is_a = true;

  [[nodiscard]] std::uint32_t register_bits() const { return bits == 64 ? 64 : 32; }
  [[nodiscard]] std::uint32_t per_register() const { return register_bits() / bits; }
  [[nodiscard]] std::uint32_t registers() const { return lines * k / (kWarpSize * per_register()); }
  /// Blocks of 16 rows of A (8, if there are no more) or of 8 columns of B follow each other.
  [[nodiscard]] FragmentPlace place(std::uint32_t reg, std::uint32_t lane) const {
    const std::uint32_t block_lines = is_a && lines >= 16 ? 16 : 8;
    const std::uint32_t per_block = block_lines * k / (kWarpSize * per_register());
    const std::uint32_t first_line = reg / per_block * block_lines;
    const std::uint32_t inner = reg % per_block;
    const std::uint32_t step = 4 * per_register();
    if (block_lines == 16) {
      return {first_line + lane / 4 + 8 * (inner & 1),
              lane % 4 * per_register() + (inner >> 1) * step};
    }
    return {first_line + lane / 4, lane % 4 * per_register() + inner * step};
  }
};

/// C and D (m x n), element by element of a thread.
struct SumLayout {
  std::uint32_t m = 16;
  std::uint32_t n = 8;

  [[nodiscard]] std::uint32_t elements() const { return m * n / kWarpSize; }
  /// Index in the row-major matrix.
  [[nodiscard]] std::uint32_t index(std::uint32_t element, std::uint32_t lane) const {
    const std::uint32_t block_rows = m >= 16 ? 16 : 8;
    const std::uint32_t per_block = block_rows / 4;
    const std::uint32_t block = element / per_block;
    const std::uint32_t inner = element % per_block;
    const std::uint32_t row = block / (n / 8) * block_rows + lane / 4 + 8 * (inner >> 1);
    return row * n + block % (n / 8) * 8 + lane % 4 * 2 + (inner & 1);
  }
};

enum class MatrixKind : std::uint8_t { floating, integer, bits, f64 };

// MmaSpec::variant of floating kinds.
inline constexpr std::uint32_t kWmmaHalf = 1;   ///< A and B have 8 registers, repeated if need be
inline constexpr std::uint32_t kWmmaSteps = 2;  ///< tf32: four steps of k at a time

// MmaSpec::variant of mma.m8n8k4 with f16.
inline constexpr std::uint32_t kQuadsAByColumns = 1;
inline constexpr std::uint32_t kQuadsBByRows = 2;

/// One mma.sync or wmma.mma, packed into Op::immediate.
struct MmaSpec {
  tensor::MmaShape shape;
  MatrixKind kind = MatrixKind::floating;
  // floating
  tensor::Format format_a = tensor::Format::f16;
  tensor::Format format_b = tensor::Format::f16;
  tensor::Accumulator accumulator_c = tensor::Accumulator::f32;
  tensor::Accumulator accumulator_d = tensor::Accumulator::f32;
  // integer: bits an element, and which operands are signed; f64: DoubleRounding; bits:
  // BitOperation
  std::uint32_t bits = 8;
  bool signed_a = false;
  bool signed_b = false;
  bool satfinite = false;
  std::uint32_t variant = 0;

  [[nodiscard]] std::int64_t pack() const;
  [[nodiscard]] static MmaSpec unpack(std::int64_t packed);
};

/// Bits of metadata that a row of A has in mma.sp: four for each group of elements.
[[nodiscard]] std::uint32_t sparse_metadata_bits(const MmaSpec& spec);
/// Counts the operations of one mma.sync.
void count_multiplication(GridCounters& counters, const MmaSpec& spec);

enum class FragmentRole : std::uint8_t { a, b, sum };
/// One wmma.load or wmma.store, packed into Op::d.
struct FragmentSpec {
  FragmentRole role = FragmentRole::a;
  std::uint32_t m = 16;
  std::uint32_t n = 16;
  std::uint32_t k = 16;
  std::uint32_t bits = 16;
  bool column_major = false;

  [[nodiscard]] std::uint32_t pack() const;
  [[nodiscard]] static FragmentSpec unpack(std::uint32_t packed);
};

/// .aligned: all 32 threads execute it together. False: some are still on their way. Throws
/// FaultRaised if some have exited. `what`: the instruction's name.
[[nodiscard]] bool whole_warp(Warp& warp, std::uint32_t mask, const char* what);

}  // namespace rackproof::emulator::exec

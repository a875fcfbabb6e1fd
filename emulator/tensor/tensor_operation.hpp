#pragma once
/// What tcgen05.mma, .cp and .shift do to tensor memory when they take effect (PTX ISA 9.0, section
/// 9.7.16). Operands are read, and results written, at once.

#include "emulator/tensor/instruction_descriptor.hpp"
#include "emulator/tensor/shared_descriptor.hpp"
#include "emulator/tensor/tensor_memory.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace rackproof::emulator::tensor {

/// One CTA's part: its tensor memory and its shared memory, whose valid addresses are
/// [shared_begin, shared_end); `shared` is the byte at address 0.
struct TensorSide {
  TensorMemory* memory = nullptr;
  std::byte* shared = nullptr;
  std::uint32_t shared_begin = 0;
  std::uint32_t shared_end = 0;
};
/// The CTA, or with .cta_group::2 the pair, the even rank first.
struct TensorSides {
  std::array<TensorSide, 2> side;
  std::uint32_t count = 1;
};

/// Cells of one side's tensor memory.
struct TensorRegion {
  std::uint32_t side = 0;
  std::uint32_t lane = 0;
  std::uint32_t lanes = 0;
  std::uint32_t column = 0;
  std::uint32_t columns = 0;
};
/// Bytes of one side's shared memory.
struct SharedReads {
  std::uint32_t side = 0;
  std::vector<SharedRun> runs;
};
/// Everything an operation reads and writes, for whoever checks the order of accesses.
struct TensorFootprint {
  std::vector<TensorRegion> reads;
  std::vector<TensorRegion> writes;
  std::vector<SharedReads> shared_reads;
};

struct TensorMultiply {
  MatrixInstruction instruction;
  std::uint32_t cta_group = 1;
  bool weight_stationary = false;
  bool a_in_tensor_memory = false;
  std::uint32_t d = 0;
  std::uint64_t a = 0;  ///< descriptor, or address in tensor memory
  std::uint64_t b = 0;  ///< descriptor
  DescriptorRules rules = DescriptorRules::tcgen05;
  std::uint32_t metadata = 0;
  std::uint32_t scale_a = 0;
  std::uint32_t scale_b = 0;
  bool accumulates = true;  ///< enable-input-d
  bool shifts_a = false;    ///< .ashift: rows of A in tensor memory are those of the next lane
  std::uint64_t zero_columns = 0;  ///< .ws: the zero-column mask descriptor
  /// disable-output-lane: a bit a lane, the even CTA's lanes first.
  std::array<std::uint32_t, 8> disabled_lanes{};
  /// Cells that are read must have been written, copies of scale factors be equal.
  bool checks_written = true;

  /// Throws TensorMemoryError or DescriptorError for what is wrong whatever memory holds.
  void validate(const TensorSides& sides) const;
  void perform(const TensorSides& sides) const;
  [[nodiscard]] TensorFootprint footprint(const TensorSides& sides) const;
};

enum class CopyShape : std::uint8_t {
  s128x256b,
  s4x256b,
  s128x128b,
  s64x128b_02_13,
  s64x128b_01_23,
  s32x128b,
};
enum class CopyFormat : std::uint8_t { plain, b6x16_p32, b4x16_p64 };

/// tcgen05.cp; with .cta_group::2 each CTA copies from its own shared memory to its own tensor
/// memory.
struct TensorCopy {
  CopyShape shape = CopyShape::s128x256b;
  CopyFormat format = CopyFormat::plain;
  std::uint32_t target = 0;
  std::uint64_t source = 0;  ///< descriptor

  void validate(const TensorSides& sides) const;
  void perform(const TensorSides& sides) const;
  [[nodiscard]] TensorFootprint footprint(const TensorSides& sides) const;
};

/// tcgen05.shift.down: within 32 lanes each takes the 32 bytes of the next one; the last keeps its
/// own.
struct TensorShift {
  std::uint32_t address = 0;

  void validate(const TensorSides& sides) const;
  void perform(const TensorSides& sides) const;
  [[nodiscard]] TensorFootprint footprint(const TensorSides& sides) const;
};

}  // namespace rackproof::emulator::tensor

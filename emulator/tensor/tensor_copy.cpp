// tcgen05.cp and tcgen05.shift: PTX ISA 9.0, sections 9.7.16.9.2 and 9.7.16.9.3.
#include "emulator/tensor/tensor_operation.hpp"

#include <algorithm>
#include <cstring>

namespace rackproof::emulator::tensor {
namespace {

constexpr std::uint32_t kChunkBytes = 16;
constexpr std::uint32_t kCellsPerChunk = 4;

struct CopyFacts {
  std::uint32_t rows;
  std::uint32_t columns;  ///< cells of a row
  std::uint32_t copies;   ///< of each row
};
CopyFacts facts_of(CopyShape shape) {
  switch (shape) {
    case CopyShape::s128x256b:
      return {128, 8, 1};
    case CopyShape::s4x256b:
      return {4, 8, 1};
    case CopyShape::s128x128b:
      return {128, 4, 1};
    case CopyShape::s64x128b_02_13:
    case CopyShape::s64x128b_01_23:
      return {64, 4, 2};
    case CopyShape::s32x128b:
      break;
  }
  return {32, 4, 4};
}
// The lane that copy `copy` of a row goes to, from the address on.
std::uint32_t lane_of(CopyShape shape, std::uint32_t row, std::uint32_t copy) {
  switch (shape) {
    case CopyShape::s4x256b:
      return row * kSubpartitionLanes;
    case CopyShape::s64x128b_02_13:
      return row + copy * 64;
    case CopyShape::s64x128b_01_23:
      return row / 32 * 64 + row % 32 + copy * 32;
    case CopyShape::s32x128b:
      return row + copy * 32;
    default:
      return row;
  }
}
std::uint32_t lanes_spanned(CopyShape shape) {
  return shape == CopyShape::s4x256b ? 3 * kSubpartitionLanes + 1 : kTensorLanes;
}

// Sixteen elements of 6 or 4 bits, packed, become bytes as tcgen05.mma reads them.
void widen(CopyFormat format, const std::byte* from, std::byte* to) {
  if (format == CopyFormat::plain) {
    std::memcpy(to, from, kChunkBytes);
    return;
  }
  const std::uint32_t bits = format == CopyFormat::b6x16_p32 ? 6 : 4;
  std::uint64_t words[2];
  std::memcpy(words, from, sizeof words);
  for (std::uint32_t i = 0; i < 16; ++i) {
    const std::uint32_t bit = i * bits;
    std::uint64_t value = words[bit / 64] >> (bit % 64);
    value |= bit % 64 + bits > 64 ? words[1] << (64 - bit % 64) : 0;
    value &= (1U << bits) - 1;
    to[i] = static_cast<std::byte>(bits == 4 ? value << 2 : value);
  }
}

std::vector<OperandChunk> source_chunks(const TensorCopy& op, const TensorSide& side) {
  const CopyFacts facts = facts_of(op.shape);
  const SharedOperand operand{facts.rows, std::size_t{facts.columns} * 4, ElementPacking::bits_8,
                              false};
  return operand_chunks(MatrixDescriptor::decode(op.source, DescriptorRules::tcgen05), operand,
                        side.shared_begin, side.shared_end);
}

}  // namespace

void TensorCopy::validate(const TensorSides& sides) const {
  const TensorAddress to = TensorAddress::from(target);
  if (shape != CopyShape::s4x256b && to.lane != 0) {
    throw TensorMemoryError("tcgen05.cp: " + to_string(to) +
                            " does not begin at lane 0 (PTX ISA 9.0, section 9.7.16.9.2)");
  }
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    sides.side[side].memory->require(to, lanes_spanned(shape), facts_of(shape).columns,
                                     "tcgen05.cp");
    (void)source_chunks(*this, sides.side[side]);
  }
}

void TensorCopy::perform(const TensorSides& sides) const {
  const TensorAddress to = TensorAddress::from(target);
  const CopyFacts facts = facts_of(shape);
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    TensorMemory& memory = *sides.side[side].memory;
    for (const OperandChunk& chunk : source_chunks(*this, sides.side[side])) {
      std::byte bytes[kChunkBytes];
      widen(format, sides.side[side].shared + chunk.address, bytes);
      for (std::uint32_t copy = 0; copy < facts.copies; ++copy) {
        const std::uint32_t lane = to.lane + lane_of(shape, chunk.line, copy);
        const std::uint32_t column = to.column + chunk.element / 4;
        std::memcpy(memory.row(lane) + column, bytes, kChunkBytes);
        memory.mark_written(lane, column, kCellsPerChunk);
      }
    }
  }
}

TensorFootprint TensorCopy::footprint(const TensorSides& sides) const {
  const TensorAddress to = TensorAddress::from(target);
  const std::uint32_t columns = facts_of(shape).columns;
  TensorFootprint result;
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    result.shared_reads.push_back({side, runs_of(source_chunks(*this, sides.side[side]))});
    if (shape != CopyShape::s4x256b) {
      result.writes.push_back({side, 0, kTensorLanes, to.column, columns});
      continue;
    }
    for (std::uint32_t row = 0; row < 4; ++row) {
      result.writes.push_back({side, to.lane + lane_of(shape, row, 0), 1, to.column, columns});
    }
  }
  return result;
}

namespace {
constexpr std::uint32_t kShiftColumns = 8;
}  // namespace

void TensorShift::validate(const TensorSides& sides) const {
  const TensorAddress at = TensorAddress::from(address);
  if (at.lane % kSubpartitionLanes != 0) {
    throw TensorMemoryError("tcgen05.shift: " + to_string(at) +
                            " is no multiple of 32 lanes (PTX ISA 9.0, section 9.7.16.9.3)");
  }
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    sides.side[side].memory->require(at, kSubpartitionLanes, kShiftColumns, "tcgen05.shift");
  }
}

void TensorShift::perform(const TensorSides& sides) const {
  const TensorAddress at = TensorAddress::from(address);
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    TensorMemory& memory = *sides.side[side].memory;
    for (std::uint32_t lane = at.lane; lane + 1 < at.lane + kSubpartitionLanes; ++lane) {
      std::memcpy(memory.row(lane) + at.column, memory.row(lane + 1) + at.column,
                  kShiftColumns * sizeof(std::uint32_t));
      memory.mark_written(lane, at.column, kShiftColumns);
    }
  }
}

TensorFootprint TensorShift::footprint(const TensorSides& sides) const {
  const TensorAddress at = TensorAddress::from(address);
  TensorFootprint result;
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    const TensorRegion region{side, at.lane, kSubpartitionLanes, at.column, kShiftColumns};
    result.reads.push_back(region);
    result.writes.push_back(region);
  }
  return result;
}

}  // namespace rackproof::emulator::tensor

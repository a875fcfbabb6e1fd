#include "emulator/tensor/tensor_operands.hpp"

#include "emulator/tensor/zero_columns.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace rackproof::emulator::tensor {
namespace {

constexpr std::uint32_t kScaleLanes = 32;

// Operands in tensor memory fill whole cells; 4- and 6-bit types have a byte each.
std::uint32_t bits_in_tensor_memory(ElementPacking packing) {
  switch (packing) {
    case ElementPacking::bits_4:
      return 4;
    case ElementPacking::bits_16:
      return 16;
    case ElementPacking::bits_32:
      return 32;
    default:
      return 8;
  }
}
std::uint32_t a_columns(const MatrixInstruction& instruction) {
  return static_cast<std::uint32_t>(instruction.stored_k()) *
         bits_in_tensor_memory(instruction.packing_a) / 32;
}

// Of a byte: e2m1 lies in its middle (as mma.sync has it), 6-bit types in its low bits.
std::uint32_t code_in_byte(ElementPacking packing, std::uint32_t byte) {
  return packing == ElementPacking::bits_4_padded   ? byte >> 2 & 0xf
         : packing == ElementPacking::bits_6_padded ? byte & 0x3f
                                                    : byte;
}

// Columns of scale factors: one for each 32 lines, those of up to 128 lines together.
std::uint32_t scale_columns(std::uint32_t lines) {
  return (lines + 127) / 128 * 4;
}

// Columns, from the first one on, that hold the scale factors of `lines` lines from byte `id` on.
std::uint32_t scale_region(const TensorMultiply& op, std::uint32_t lines, std::uint32_t id) {
  const auto scales = static_cast<std::uint32_t>(op.instruction.unit.scales());
  return (id + scales - 1) / 4 * scale_columns(lines) + (lines + 31) / 32;
}

SharedOperand a_operand(const TensorMultiply& op, const AccumulatorLayout& layout) {
  return {layout.rows, op.instruction.stored_k(), op.instruction.packing_a,
          op.instruction.a_mn_major};
}
SharedOperand b_operand(const TensorMultiply& op) {
  const std::uint32_t skipped =
      op.zero_columns == 0 ? 0 : column_shift(op.zero_columns, op.instruction.m);
  return {skipped + op.instruction.n / op.cta_group, op.instruction.unit.k,
          op.instruction.packing_b, op.instruction.b_mn_major};
}
// Where an operand lies. It is asked for when an operation is validated, tracked and performed, and
// again whenever the main loop comes back to a stage: the last answers are kept.
struct Placement {
  std::vector<OperandChunk> chunks;
  std::vector<SharedRun> runs;
};
class Placements {
 public:
  const Placement& of(std::uint64_t descriptor, DescriptorRules rules, const SharedOperand& operand,
                      const TensorSide& side) {
    const Key key{descriptor, rules, operand, side.shared_begin, side.shared_end};
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&key](const Entry& entry) { return entry.key == key; });
    if (found != entries_.end()) {
      return found->placement;
    }
    Placement placement;
    placement.chunks = operand_chunks(MatrixDescriptor::decode(descriptor, rules), operand,
                                      side.shared_begin, side.shared_end);
    placement.runs = runs_of(placement.chunks);
    Entry& entry = entries_[next_++ % entries_.size()];
    entry = {key, std::move(placement)};
    return entry.placement;
  }

 private:
  struct Key {
    std::uint64_t descriptor = 0;
    DescriptorRules rules = DescriptorRules::tcgen05;
    SharedOperand operand;  ///< of no lines: none
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    bool operator==(const Key&) const = default;
  };
  struct Entry {
    Key key;
    Placement placement;
  };
  std::array<Entry, 64> entries_;
  std::size_t next_ = 0;
};
/// Good until the next call.
const Placement& placement_of(std::uint64_t descriptor, DescriptorRules rules,
                              const SharedOperand& operand, const TensorSide& side) {
  thread_local Placements placements;
  return placements.of(descriptor, rules, operand, side);
}
const std::vector<OperandChunk>& chunks_of(std::uint64_t descriptor, DescriptorRules rules,
                                           const SharedOperand& operand, const TensorSide& side) {
  return placement_of(descriptor, rules, operand, side).chunks;
}

SparsityPattern pattern_of(const MatrixUnit& unit) {
  return unit.kind == UnitKind::tf32 ? SparsityPattern::one_of_two
         : unit.kind == UnitKind::mxf4 || unit.kind == UnitKind::mxf4nvf4
             ? SparsityPattern::pairs_of_two_four
             : SparsityPattern::two_of_four;
}
bool has_scattered_metadata(const MatrixUnit& unit) {
  return unit.kind == UnitKind::f16 || unit.kind == UnitKind::tf32;
}
std::uint32_t metadata_column(const TensorMultiply& op) {
  const std::uint32_t column = TensorAddress::from(op.metadata).column;
  // 16- and 32-bit types: one column an instruction, of a pair the selector names.
  return has_scattered_metadata(op.instruction.unit)
             ? (column & ~1U) + op.instruction.sparsity_selector
             : column;
}

// Row's metadata, four bits a group. 16- and 32-bit types: 16 rows share 16 lanes; the lower eight
// lanes hold the first half of K, the upper ones the second, each the rows r and r + 8.
std::array<std::uint32_t, 2> metadata_of(const TensorMultiply& op, const TensorMemory& memory,
                                         std::uint32_t first_lane, std::uint32_t row) {
  const std::uint32_t column = metadata_column(op);
  if (!has_scattered_metadata(op.instruction.unit)) {
    const std::uint32_t* const cells = memory.row(first_lane + row) + column;
    return {cells[0], cells[1]};
  }
  const std::uint32_t lane = first_lane + row / 16 * 16 + row % 8;
  const std::uint32_t shift = (row / 8 & 1) * 16;
  const std::uint32_t low = memory.row(lane)[column] >> shift & 0xffff;
  const std::uint32_t high = memory.row(lane + 8)[column] >> shift & 0xffff;
  return {low | high << 16, 0};
}

}  // namespace

OperandReader::OperandReader(const TensorMultiply& op, const AccumulatorLayout& layout,
                             const TensorSides& sides)
    : op_(&op), layout_(layout), sides_(&sides) {
  const SharedOperand operand = b_operand(op);
  std::vector<std::uint32_t> codes;
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    read_operand(chunks_of(op.b, op.rules, operand, sides.side[side]), operand,
                 sides.side[side].shared, codes);
    if (sides.count == 1) {
      b_codes_ = std::move(codes);
    } else {
      b_codes_.insert(b_codes_.end(), codes.begin(), codes.end());
    }
  }
  if (op.zero_columns != 0) {
    const std::size_t skipped = column_shift(op.zero_columns, op.instruction.m) * operand.elements;
    b_codes_.erase(b_codes_.begin(), b_codes_.begin() + static_cast<std::ptrdiff_t>(skipped));
    const std::vector<bool> zeros =
        zero_columns(op.zero_columns, op.instruction.m, op.instruction.n);
    for (std::size_t line = 0; line < zeros.size(); ++line) {
      if (zeros[line]) {
        std::fill_n(b_codes_.begin() + static_cast<std::ptrdiff_t>(line * operand.elements),
                    operand.elements, 0U);
      }
    }
  }
}

void OperandReader::read_a_shared(std::uint32_t side, std::vector<std::uint32_t>& codes) const {
  const SharedOperand operand = a_operand(*op_, layout_);
  read_operand(chunks_of(op_->a, op_->rules, operand, sides_->side[side]), operand,
               sides_->side[side].shared, codes);
}

void OperandReader::read_a_tensor(std::uint32_t side, std::uint32_t part,
                                  std::vector<std::uint32_t>& codes) const {
  const TensorMemory& memory = *sides_->side[side].memory;
  const TensorAddress from = TensorAddress::from(static_cast<std::uint32_t>(op_->a));
  const ElementPacking packing = op_->instruction.packing_a;
  const std::uint32_t bits = bits_in_tensor_memory(packing);
  const std::uint32_t per_cell = 32 / bits;
  const auto k = static_cast<std::uint32_t>(op_->instruction.stored_k());
  const std::uint32_t mask = bits == 32 ? ~0U : (1U << bits) - 1;
  codes.resize(std::size_t{layout_.rows} * k);
  for (std::uint32_t row = 0; row < layout_.rows; ++row) {
    const std::uint32_t source = op_->shifts_a ? std::min(row + 1, layout_.rows - 1) : row;
    const std::uint32_t lane = layout_.lane(from.lane, part, source);
    if (op_->checks_written) {
      memory.require_written(lane, from.column, a_columns(op_->instruction), "tcgen05.mma: A");
    }
    const std::uint32_t* const cells = memory.row(lane) + from.column;
    for (std::uint32_t i = 0; i < k; ++i) {
      const std::uint32_t raw = cells[i / per_cell] >> (i % per_cell * bits) & mask;
      // tf32 has 19 bits.
      codes[std::size_t{row} * k + i] = bits == 8    ? code_in_byte(packing, raw)
                                        : bits == 32 ? raw & ~0x1fffU
                                                     : raw;
    }
  }
}

void OperandReader::spread(std::uint32_t side, std::uint32_t part,
                           std::vector<std::uint32_t>& codes) const {
  const MatrixUnit& unit = op_->instruction.unit;
  const std::size_t stored = op_->instruction.stored_k();
  std::vector<std::uint32_t> rows(std::size_t{layout_.rows} * unit.k);
  for (std::uint32_t row = 0; row < layout_.rows; ++row) {
    const auto metadata = metadata_of(*op_, *sides_->side[side].memory, part * layout_.rows, row);
    spread_sparse_row(pattern_of(unit), std::span(codes).subspan(row * stored, stored), metadata,
                      std::span(rows).subspan(row * unit.k, unit.k));
  }
  codes = std::move(rows);
}

std::vector<std::uint8_t> OperandReader::scales(std::uint32_t side, std::uint32_t address,
                                                std::uint32_t id, std::uint32_t lines,
                                                std::uint32_t first_lane, const char* what) const {
  const TensorMemory& memory = *sides_->side[side].memory;
  const std::uint32_t column = TensorAddress::from(address).column;
  const auto count = static_cast<std::uint32_t>(op_->instruction.unit.scales());
  std::vector<std::uint8_t> result(std::size_t{lines} * count);
  // Every subpartition multiplies with its own copy. Where only the first was
  // written it is taken, as hardware was seen to do.
  const std::uint32_t copies = first_lane == 0 && layout_.parts == 1 ? 4 : 2;
  for (std::uint32_t line = 0; line < lines; ++line) {
    const std::uint32_t lane = first_lane + line % kScaleLanes;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t byte = id + i;
      const std::uint32_t cell = column + line / kScaleLanes + byte / 4 * scale_columns(lines);
      if (op_->checks_written) {
        memory.require_written(lane, cell, 1, what);
      }
      const std::uint32_t shift = byte % 4 * 8;
      const auto value = static_cast<std::uint8_t>(memory.row(lane)[cell] >> shift);
      result[std::size_t{line} * count + i] = value;
      for (std::uint32_t copy = 1; op_->checks_written && copy < copies; ++copy) {
        const std::uint32_t other = lane + copy * kSubpartitionLanes;
        if (memory.first_unwritten(other, cell, 1) == kTensorColumns &&
            static_cast<std::uint8_t>(memory.row(other)[cell] >> shift) != value) {
          throw TensorMemoryError(
              std::string(what) + " of line " + std::to_string(line) + " differ between lanes " +
              std::to_string(lane) + " and " + std::to_string(other) + " of column " +
              std::to_string(cell) +
              ": all 32-lane parts must hold the same (PTX ISA 9.0, section 9.7.16.10.7)");
        }
      }
    }
  }
  return result;
}

OperandCodes OperandReader::a(std::uint32_t side, std::uint32_t part) {
  OperandCodes result;
  result.lines = layout_.rows;
  if (op_->a_in_tensor_memory) {
    read_a_tensor(side, part, result.codes);
  } else {
    read_a_shared(side, result.codes);
  }
  if (op_->instruction.sparse) {
    spread(side, part, result.codes);
  }
  if (op_->instruction.unit.block_scaled()) {
    result.scales = scales(side, op_->scale_a, op_->instruction.scale_id_a, layout_.rows, 0,
                           "tcgen05.mma: scale factors of A");
  }
  return result;
}

bool OperandReader::b_changes(std::uint32_t side, std::uint32_t part) {
  if (!op_->instruction.unit.block_scaled()) {
    return false;
  }
  const std::uint32_t lines = op_->instruction.n / layout_.parts;
  b_scales_[side] = scales(side, op_->scale_b, op_->instruction.scale_id_b, lines,
                           part * layout_.rows, "tcgen05.mma: scale factors of B");
  return side == 0 || b_scales_[side] != b_scales_[0];
}

OperandCodes OperandReader::b(std::uint32_t side, std::uint32_t part) {
  const std::size_t k = op_->instruction.unit.k;
  OperandCodes result;
  result.lines = op_->instruction.n / layout_.parts;
  if (layout_.parts == 1 && !op_->instruction.unit.block_scaled()) {
    result.codes = std::move(b_codes_);  // nobody asks again
  } else {
    const auto first = b_codes_.begin() + static_cast<std::ptrdiff_t>(part * result.lines * k);
    result.codes.assign(first, first + static_cast<std::ptrdiff_t>(result.lines * k));
  }
  result.scales = b_scales_[side];
  return result;
}

void validate_operands(const TensorMultiply& op, const TensorSides& sides) {
  const AccumulatorLayout layout = AccumulatorLayout::of(
      op.instruction.m, op.cta_group, op.weight_stationary, op.instruction.sparse);
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    const TensorSide& each = sides.side[side];
    (void)chunks_of(op.b, op.rules, b_operand(op), each);
    if (op.a_in_tensor_memory) {
      const TensorAddress from = TensorAddress::from(static_cast<std::uint32_t>(op.a));
      each.memory->require({0, from.column}, 1, a_columns(op.instruction), "tcgen05.mma: A");
    } else {
      (void)chunks_of(op.a, op.rules, a_operand(op, layout), each);
    }
    if (op.instruction.sparse) {
      each.memory->require({0, metadata_column(op)}, 1,
                           has_scattered_metadata(op.instruction.unit) ? 1 : 2,
                           "tcgen05.mma.sp: metadata");
    }
    if (op.instruction.unit.block_scaled()) {
      each.memory->require({0, TensorAddress::from(op.scale_a).column}, 1,
                           scale_region(op, layout.rows, op.instruction.scale_id_a),
                           "tcgen05.mma: scale factors of A");
      each.memory->require(
          {0, TensorAddress::from(op.scale_b).column}, 1,
          scale_region(op, op.instruction.n / layout.parts, op.instruction.scale_id_b),
          "tcgen05.mma: scale factors of B");
    }
  }
}

void add_operands(const TensorMultiply& op, const TensorSides& sides, TensorFootprint& footprint) {
  const AccumulatorLayout layout = AccumulatorLayout::of(
      op.instruction.m, op.cta_group, op.weight_stationary, op.instruction.sparse);
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    const TensorSide& each = sides.side[side];
    footprint.shared_reads.push_back(
        {side, placement_of(op.b, op.rules, b_operand(op), each).runs});
    if (op.a_in_tensor_memory) {
      const TensorAddress from = TensorAddress::from(static_cast<std::uint32_t>(op.a));
      const std::uint32_t columns = a_columns(op.instruction);
      if (layout.scattered) {
        for (std::uint32_t lane = from.lane; lane < kTensorLanes; lane += kSubpartitionLanes) {
          footprint.reads.push_back({side, lane, 16, from.column, columns});
        }
      } else {
        footprint.reads.push_back({side, 0, kTensorLanes, from.column, columns});
      }
    } else {
      footprint.shared_reads.push_back(
          {side, placement_of(op.a, op.rules, a_operand(op, layout), each).runs});
    }
    if (op.instruction.sparse) {
      footprint.reads.push_back({side, 0, kTensorLanes, metadata_column(op),
                                 has_scattered_metadata(op.instruction.unit) ? 1U : 2U});
    }
    if (op.instruction.unit.block_scaled()) {
      footprint.reads.push_back({side, 0, kTensorLanes, TensorAddress::from(op.scale_a).column,
                                 scale_region(op, layout.rows, op.instruction.scale_id_a)});
      footprint.reads.push_back(
          {side, 0, kTensorLanes, TensorAddress::from(op.scale_b).column,
           scale_region(op, op.instruction.n / layout.parts, op.instruction.scale_id_b)});
    }
  }
}

}  // namespace rackproof::emulator::tensor

// tcgen05.mma: PTX ISA 9.0, section 9.7.16.10.
#include "emulator/tensor/accumulator_layout.hpp"
#include "emulator/tensor/tensor_operands.hpp"
#include "emulator/tensor/tensor_operation.hpp"
#include "emulator/tensor/zero_columns.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace rackproof::emulator::tensor {
namespace {

AccumulatorLayout layout_of(const TensorMultiply& op) {
  return AccumulatorLayout::of(op.instruction.m, op.cta_group, op.weight_stationary,
                               op.instruction.sparse);
}

bool any_lane_disabled(const TensorMultiply& op) {
  return std::any_of(op.disabled_lanes.begin(), op.disabled_lanes.end(),
                     [](std::uint32_t word) { return word != 0; });
}
bool is_disabled(const TensorMultiply& op, std::uint32_t side, std::uint32_t lane) {
  const std::uint32_t bit = side * kTensorLanes + lane;
  return (op.disabled_lanes[bit / 32] >> (bit % 32) & 1) != 0;
}

// D of one part of one side, in place if its rows are whole lanes, else in a copy.
class SumTile {
 public:
  SumTile(const TensorMultiply& op, const AccumulatorLayout& layout, TensorMemory& memory,
          std::uint32_t side, std::uint32_t part)
      : op_(&op), layout_(layout), memory_(&memory), side_(side), part_(part) {
    columns_ = op.instruction.n / layout.parts;
    base_ = TensorAddress::from(op.d);
    in_place_ = layout.rows == kTensorLanes && !any_lane_disabled(op);
    if (!in_place_) {
      copy_.resize(std::size_t{layout.rows} * columns_);
    }
    if (op.accumulates) {
      load();
    } else if (in_place_) {
      for (std::uint32_t row = 0; row < layout.rows; ++row) {
        std::fill_n(cells(row), columns_, 0U);
      }
    }
  }

  [[nodiscard]] std::uint32_t* data() { return in_place_ ? cells(0) : copy_.data(); }
  [[nodiscard]] std::size_t stride() const { return in_place_ ? kTensorColumns : columns_; }

  void store() {
    for (std::uint32_t row = 0; row < layout_.rows; ++row) {
      const std::uint32_t lane = layout_.lane(base_.lane, part_, row);
      if (!in_place_) {
        if (is_disabled(*op_, side_, lane)) {
          continue;
        }
        std::memcpy(cells(row), &copy_[std::size_t{row} * columns_],
                    columns_ * sizeof(std::uint32_t));
      }
      memory_->mark_written(lane, base_.column, columns_);
    }
  }

 private:
  [[nodiscard]] std::uint32_t* cells(std::uint32_t row) {
    return memory_->row(layout_.lane(base_.lane, part_, row)) + base_.column;
  }
  void load() {
    for (std::uint32_t row = 0; row < layout_.rows; ++row) {
      const std::uint32_t lane = layout_.lane(base_.lane, part_, row);
      if (op_->checks_written && !is_disabled(*op_, side_, lane)) {
        memory_->require_written(lane, base_.column, columns_, "tcgen05.mma: the accumulator");
      }
      if (!in_place_) {
        std::memcpy(&copy_[std::size_t{row} * columns_], cells(row),
                    columns_ * sizeof(std::uint32_t));
      }
    }
  }

  const TensorMultiply* op_;
  AccumulatorLayout layout_;
  TensorMemory* memory_;
  std::uint32_t side_;
  std::uint32_t part_;
  std::uint32_t columns_ = 0;
  TensorAddress base_;
  bool in_place_ = false;
  std::vector<std::uint32_t> copy_;
};

}  // namespace

void TensorMultiply::validate(const TensorSides& sides) const {
  const AccumulatorLayout layout = layout_of(*this);
  const TensorAddress base = TensorAddress::from(d);
  if (base.lane != 0 && !(layout.scattered && base.lane == 16)) {
    throw TensorMemoryError(
        "tcgen05.mma: D at " + to_string(base) +
        (layout.scattered ? " begins at neither lane 0 nor lane 16" : " does not begin at lane 0") +
        " (PTX ISA 9.0, section 9.7.16.10.5)");
  }
  if (shifts_a && (!a_in_tensor_memory || layout.rows != kTensorLanes)) {
    throw TensorMemoryError(
        "tcgen05.mma.ashift: A has to lie in tensor memory, with 128 rows in each CTA "
        "(PTX ISA 9.0, section 9.7.16.10.9)");
  }
  if (zero_columns != 0) {
    (void)tensor::zero_columns(zero_columns, instruction.m, instruction.n);
  }
  if (instruction.sparse && layout.scattered) {
    throw TensorMemoryError(
        "tcgen05.mma.sp: the layout of metadata for 64 rows in a CTA is not known to the emulator");
  }
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    const TensorMemory& memory = *sides.side[side].memory;
    memory.require({0, base.column}, 1, instruction.n / layout.parts, "tcgen05.mma: D");
  }
  validate_operands(*this, sides);
}

void TensorMultiply::perform(const TensorSides& sides) const {
  const AccumulatorLayout layout = layout_of(*this);
  const MatrixUnit& unit = instruction.unit;
  OperandReader reader(*this, layout, sides);
  for (std::uint32_t part = 0; part < layout.parts; ++part) {
    std::optional<PreparedOperand> prepared_b;
    for (std::uint32_t side = 0; side < sides.count; ++side) {
      if (reader.b_changes(side, part) || !prepared_b) {
        prepared_b.emplace(unit, PreparedOperand::Role::b, reader.b(side, part));
      }
      const PreparedOperand prepared_a(unit, PreparedOperand::Role::a, reader.a(side, part));
      SumTile sums(*this, layout, *sides.side[side].memory, side, part);
      multiply_accumulate(unit, prepared_a, *prepared_b, sums.data(), sums.stride());
      sums.store();
    }
  }
}

TensorFootprint TensorMultiply::footprint(const TensorSides& sides) const {
  const AccumulatorLayout layout = layout_of(*this);
  const TensorAddress base = TensorAddress::from(d);
  TensorFootprint result;
  for (std::uint32_t side = 0; side < sides.count; ++side) {
    const std::uint32_t columns = instruction.n / layout.parts;
    if (layout.scattered) {
      for (std::uint32_t lane = base.lane; lane < kTensorLanes; lane += kSubpartitionLanes) {
        result.writes.push_back({side, lane, 16, base.column, columns});
      }
    } else {
      result.writes.push_back({side, 0, kTensorLanes, base.column, columns});
    }
  }
  add_operands(*this, sides, result);
  return result;
}

}  // namespace rackproof::emulator::tensor

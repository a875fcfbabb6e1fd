// tcgen05.ld, .ld.red, .st, .wait: PTX ISA 9.0, section 9.7.16.8.
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/tensor_issue.hpp"
#include "emulator/exec/tensor_tracking.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <string>

namespace rackproof::emulator::exec {
namespace {

using tensor::kSubpartitionLanes;
using tensor::TensorAddress;
using tensor::TensorMemory;

// The cells of the warp's instruction: allocated, and in the lanes that this warp may access.
TensorAddress check_cells(Warp& warp, const TensorInstruction& instruction, std::uint32_t address,
                          const TensorMemory& memory, const char* what) {
  TensorAddress first = TensorAddress::from(address);
  const std::uint32_t quarter = warp.index() % 4;
  // DeepGEMM and FlashMLA give all warps the same address: the hardware adds the warp's lanes.
  if (first.lane < kSubpartitionLanes) {
    first.lane += quarter * kSubpartitionLanes;
  }
  const std::uint32_t lanes = instruction.fragment.lanes();
  if (first.lane / kSubpartitionLanes != quarter || first.lane % lanes != 0) {
    throw tensor::TensorMemoryError(
        std::string(what) + " at " + to_string(first) + " by warp " + std::to_string(warp.index()) +
        ", which reaches lanes " + std::to_string(quarter * kSubpartitionLanes) + " to " +
        std::to_string(quarter * kSubpartitionLanes + 31) + " and begins at a multiple of " +
        std::to_string(lanes) + " (PTX ISA 9.0, section 9.7.16.8.1)");
  }
  memory.require(first, lanes, instruction.fragment.columns(), what);
  return first;
}

void check_written(const TensorMemory& memory, TensorAddress first,
                   const tensor::FragmentLayout& fragment) {
  // The two halves of 16x32bx2 may lie apart.
  const bool halves = fragment.shape == tensor::FragmentShape::s16x32bx2;
  const std::uint32_t columns =
      halves ? fragment.repeat * fragment.cells_per_register() : fragment.columns();
  for (std::uint32_t lane = 0; lane < fragment.lanes(); ++lane) {
    memory.require_written(first.lane + lane, first.column, columns, "tcgen05.ld");
    if (halves) {
      memory.require_written(first.lane + lane, first.column + fragment.split, columns,
                             "tcgen05.ld");
    }
  }
}

template <class T, class Less>
T extremum_of(const T* values, std::uint32_t count, bool maximum, Less&& less) {
  T best = values[0];
  for (std::uint32_t i = 1; i < count; ++i) {
    best = (maximum ? less(best, values[i]) : less(values[i], best)) ? values[i] : best;
  }
  return best;
}

std::uint32_t reduce_floats(const TensorInstruction& instruction, const std::uint32_t* words,
                            std::uint32_t count) {
  const bool maximum = instruction.reduction == TensorReduction::max;
  std::array<float, 128> numbers;
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto value = std::bit_cast<float>(words[i]);
    if (value == value) {
      numbers[found++] = instruction.absolute ? std::fabs(value) : value;
    }
  }
  if (found == 0 || (found != count && instruction.nan_wins)) {
    return 0x7fffffffU;
  }
  return std::bit_cast<std::uint32_t>(extremum_of(
      numbers.data(), found, maximum,
      [](float x, float y) { return x < y || (x == y && std::signbit(x) && !std::signbit(y)); }));
}

// Over the words that one thread loads.
std::uint32_t reduce_words(const TensorInstruction& instruction, const std::uint32_t* words,
                           std::uint32_t count) {
  const bool maximum = instruction.reduction == TensorReduction::max;
  switch (instruction.reduction_type) {
    case ReductionType::u32:
      return extremum_of(words, count, maximum,
                         [](std::uint32_t x, std::uint32_t y) { return x < y; });
    case ReductionType::s32:
      return extremum_of(words, count, maximum, [](std::uint32_t x, std::uint32_t y) {
        return static_cast<std::int32_t>(x) < static_cast<std::int32_t>(y);
      });
    case ReductionType::f32:
      break;
  }
  return reduce_floats(instruction, words, count);
}

}  // namespace

void tensor_load(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "tcgen05.ld")) {
    return;
  }
  const TensorInstruction& instruction = tensor_instruction(warp, op);
  const tensor::FragmentLayout& fragment = instruction.fragment;
  const std::uint32_t lane = lowest_lane(mask);
  const TensorMemory& memory = tensor_core_for(warp, 0, lane).memory;
  const std::uint32_t address =
      uniform_word(lanes, instruction.address.row, mask, "tcgen05.ld: the address") +
      instruction.address.offset;
  const TensorAddress first = with_rules(lane, [&] {
    const TensorAddress at = check_cells(warp, instruction, address, memory, "tcgen05.ld");
    if (warp.cta().grid().config.checks.shared_init) {
      check_written(memory, at, fragment);
    }
    return at;
  });
  track_move(warp, first, fragment, false, instruction.load);
  const std::uint32_t registers = fragment.registers();
  std::array<std::array<std::uint32_t, 128>, kWarpSize> words;
  for (std::uint32_t thread = 0; thread < kWarpSize; ++thread) {
    for (std::uint32_t reg = 0; reg < registers; ++reg) {
      const tensor::FragmentCell at = fragment.cell(thread, reg, 0);
      const std::uint32_t* const cells =
          memory.row(first.lane + at.lane) + first.column + at.column;
      words[thread][reg] = fragment.packed ? (cells[0] & 0xffff) | cells[1] << 16 : cells[0];
    }
  }
  for (std::uint32_t reg = 0; reg < registers; ++reg) {
    if (instruction.registers[reg] == kNoRef) {
      continue;
    }
    auto* const row = register_row<std::uint32_t>(lanes, instruction.registers[reg]);
    for (std::uint32_t thread = 0; thread < kWarpSize; ++thread) {
      row[thread] = words[thread][reg];
    }
  }
  if (instruction.reduction != TensorReduction::none && instruction.reduced != kNoRef) {
    auto* const row = register_row<std::uint32_t>(lanes, instruction.reduced);
    for (std::uint32_t thread = 0; thread < kWarpSize; ++thread) {
      row[thread] = reduce_words(instruction, words[thread].data(), registers);
    }
  }
}

void tensor_store(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "tcgen05.st")) {
    return;
  }
  const TensorInstruction& instruction = tensor_instruction(warp, op);
  const tensor::FragmentLayout& fragment = instruction.fragment;
  const std::uint32_t lane = lowest_lane(mask);
  TensorMemory& memory = tensor_core_for(warp, 0, lane).memory;
  const std::uint32_t address =
      uniform_word(lanes, instruction.address.row, mask, "tcgen05.st: the address") +
      instruction.address.offset;
  const TensorAddress first = with_rules(
      lane, [&] { return check_cells(warp, instruction, address, memory, "tcgen05.st"); });
  track_move(warp, first, fragment, true, 0);
  for (std::uint32_t reg = 0; reg < fragment.registers(); ++reg) {
    const auto* const row = register_row<std::uint32_t>(lanes, instruction.registers[reg]);
    for (std::uint32_t thread = 0; thread < kWarpSize; ++thread) {
      const tensor::FragmentCell at = fragment.cell(thread, reg, 0);
      std::uint32_t* const cells = memory.row(first.lane + at.lane) + first.column + at.column;
      if (fragment.packed) {
        cells[0] = row[thread] & 0xffff;
        cells[1] = row[thread] >> 16;
      } else {
        cells[0] = row[thread];
      }
      memory.mark_written(first.lane + at.lane, first.column + at.column,
                          fragment.cells_per_register());
    }
  }
}

void tensor_wait_load(LaneContext& lanes, const Op&, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (whole_warp(warp, mask, "tcgen05.wait::ld")) {
    track_wait(warp, false);
  }
}

void tensor_wait_store(LaneContext& lanes, const Op&, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (whole_warp(warp, mask, "tcgen05.wait::st")) {
    track_wait(warp, true);
  }
}

void tensor_fence_before(LaneContext& lanes, const Op&, std::uint32_t) {
  track_fence_before(static_cast<Warp&>(lanes));
}
void tensor_fence_after(LaneContext& lanes, const Op& op, std::uint32_t) {
  track_fence_after(static_cast<Warp&>(lanes), op.mode != 0);
}

}  // namespace rackproof::emulator::exec

#pragma once
/// Helpers of the tcgen05 handlers.

#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/tensor_core.hpp"
#include "emulator/exec/tensor_instruction.hpp"
#include "emulator/tensor/tensor_operation.hpp"

#include <cstdint>
#include <stdexcept>
#include <utility>

namespace rackproof::emulator::exec {

[[nodiscard]] const TensorInstruction& tensor_instruction(const Warp& warp, const Op& op);

/// The CTA's tensor core, for an instruction with `cta_group` (0: it has none). Throws FaultRaised
/// if others had another one, or if a pair is needed and there is none.
[[nodiscard]] TensorCore& tensor_core_for(Warp& warp, std::uint32_t cta_group, std::uint32_t lane);

/// What `warp` has under way.
[[nodiscard]] TensorWarp& tensor_warp(Warp& warp);

/// The CTA, or the pair it belongs to.
[[nodiscard]] tensor::TensorSides tensor_sides(Cta& cta, std::uint32_t cta_group);

[[nodiscard]] inline std::uint32_t tensor_address(const LaneContext& lanes,
                                                  const TensorOperand& operand,
                                                  std::uint32_t lane) {
  return register_row<std::uint32_t>(lanes, operand.row)[lane] + operand.offset;
}
/// The same for a warp-wide instruction: all threads must have the same. Throws FaultRaised.
[[nodiscard]] std::uint32_t uniform_word(const LaneContext& lanes, Ref row, std::uint32_t mask,
                                         const char* what);

/// Broken rules of the ISA become faults of `lane`.
template <class Action>
decltype(auto) with_rules(std::uint32_t lane, Action&& action) {
  try {
    return std::forward<Action>(action)();
  } catch (const std::invalid_argument& broken) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lane, broken.what());
  }
}

}  // namespace rackproof::emulator::exec

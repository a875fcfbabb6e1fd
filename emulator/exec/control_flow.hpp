#pragma once
/// Where control can go from an instruction, and the registers that an operand names.

#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <vector>

namespace rackproof::emulator::exec {

/// Instructions that may come after `index` in the same call; body.size(): the function ends.
[[nodiscard]] std::vector<std::uint32_t> successors(const ptx::Function& function,
                                                    std::uint32_t index);

/// Adds all registers of `operand`, those of vectors and addresses included.
void collect_registers(const ptx::Operand& operand, std::vector<ptx::RegisterIndex>& registers);

}  // namespace rackproof::emulator::exec

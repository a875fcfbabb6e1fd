#pragma once
/// Registers that tcgen05.ld writes are not there before tcgen05.wait::ld (PTX ISA 9.0, section
/// 9.7.16.8): which instructions may touch them too early.
///
/// Code that is right on hardware (all epilogues of CUTLASS) waits only before it gives columns
/// back, for machine code follows the registers itself. So a function with a wait is not searched.

#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace rackproof::emulator::exec {

/// By instruction of the function: the tcgen05.ld (indices of instructions) whose registers it
/// touches, if it has no tcgen05.wait::ld. Moves are no use: compilers put them anywhere,
/// and what is moved is then as early as its source.
[[nodiscard]] std::map<std::uint32_t, std::vector<std::uint32_t>> find_early_uses(
    const ptx::Function& function);

}  // namespace rackproof::emulator::exec

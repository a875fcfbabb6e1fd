#pragma once
/// Registers that tcgen05.ld writes are not there before tcgen05.wait::ld (PTX ISA 9.0, section
/// 9.7.16.8): which instructions may touch them too early.

#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace rackproof::emulator::exec {

/// By instruction of the function: the tcgen05.ld (indices of instructions) whose registers it
/// touches on a way that meets no tcgen05.wait::ld. Moves are no use: compilers put them anywhere,
/// and what is moved is then as early as its source.
[[nodiscard]] std::map<std::uint32_t, std::vector<std::uint32_t>> find_early_uses(
    const ptx::Function& function);

}  // namespace rackproof::emulator::exec

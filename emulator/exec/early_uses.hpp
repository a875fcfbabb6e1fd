#pragma once
/// Registers that tcgen05.ld writes are not there before tcgen05.wait::ld (PTX ISA 9.0, section
/// 9.7.16.8): which instructions may touch them too early.
///
/// Machine code follows the registers itself, and much code that is right on hardware leaves the
/// waiting to it (CUTLASS waits only before it gives columns back, ThunderKittens' attention before
/// some of its uses). There the use of a register is what shows that its load is over.

#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace rackproof::emulator::exec {

struct EarlyUses {
  /// By instruction of the function: the tcgen05.ld (indices of instructions) whose registers it
  /// touches, with no tcgen05.wait::ld between. Moves are no use: compilers put them anywhere, and
  /// what is moved is then as early as its source. Empty unless `follows_registers`.
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_instruction;
  /// The function has no wait at all, or more than one place lacks it: it means its registers to be
  /// followed. A single place is taken for a wait that was forgotten.
  bool follows_registers = false;
};

[[nodiscard]] EarlyUses find_early_uses(const ptx::Function& function);

}  // namespace rackproof::emulator::exec

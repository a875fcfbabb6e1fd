#pragma once
/// Plain loads whose value a compare-and-swap expects: the first read of the loop by which the CUDA
/// programming guide makes atomics that the hardware does not have (`old = *address; do { assumed =
/// old; old = atomicCAS(address, assumed, ...); } while (assumed != old)`).
///
/// The PTX memory model calls it a race with the others' swaps. Whatever it sees, the swap judges.

#include "emulator/ptx/module.hpp"

#include <set>

namespace rackproof::emulator::exec {

/// Registers that reach the second source of an atom.cas of the function, directly or by moves.
[[nodiscard]] std::set<ptx::RegisterIndex> find_compared_values(const ptx::Function& function);

}  // namespace rackproof::emulator::exec

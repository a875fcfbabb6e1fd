#pragma once
/// The common case of a load or a store, done at once: all 32 lanes, their elements one after the
/// other in memory, or all lanes reading the same ones.

#include "emulator/exec/op.hpp"
#include "emulator/exec/warp.hpp"

namespace rackproof::emulator::exec {

/// False: it is not the common case, or a check has to look closer; nothing was done.
[[nodiscard]] bool load_row(Warp& warp, const Op& op);
[[nodiscard]] bool store_row(Warp& warp, const Op& op);

}  // namespace rackproof::emulator::exec

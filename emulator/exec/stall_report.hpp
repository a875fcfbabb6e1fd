#pragma once
/// Who polls what in a grid that makes no progress any more.

#include "emulator/exec/cta.hpp"

#include <string>
#include <vector>

namespace rackproof::emulator::exec {

/// One line; `ctas` are all that are in flight, watched, the lowest first.
[[nodiscard]] std::string describe_stall(const GridContext& grid, const std::vector<Cta*>& ctas);

}  // namespace rackproof::emulator::exec

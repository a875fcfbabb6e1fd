#pragma once
/// All-reduce: every rank ends with the reduction of all ranks' buffers.

#include "collectives/collective.hpp"

namespace rackproof::collectives {

/// S is the size of one buffer, which is the same on every rank.
[[nodiscard]] Collective make_all_reduce();

}  // namespace rackproof::collectives

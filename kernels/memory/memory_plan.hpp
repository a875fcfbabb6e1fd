#pragma once
/// Sizing rules of the memory operation.

#include "kernels/memory/memory.hpp"

namespace rackproof::kernels::memory {

/// See memory_operation() for the keys. Throws ParamError naming the offending one.
[[nodiscard]] std::vector<PlannedProblem> plan_memory(ParamReader& request,
                                                      const SizingContext& context);

}  // namespace rackproof::kernels::memory

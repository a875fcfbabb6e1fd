#pragma once
/// A memory pattern on the current device.

#include "kernels/memory/memory.hpp"
#include "kernels/memory/memory_kernel.hpp"

#include <memory>

namespace rackproof::kernels::memory {

/// Of a stream or l2_read.
[[nodiscard]] std::unique_ptr<Workload> make_memory_workload(const MemoryProblem& problem,
                                                             const PrepareOptions& options,
                                                             const MemoryKernel& kernel);

/// Of a chase. Each launch goes on where the one before it stopped; a chase through a cache has
/// visited every node once before the first.
[[nodiscard]] std::unique_ptr<Workload> make_chase_workload(const MemoryProblem& problem,
                                                            const PrepareOptions& options,
                                                            const ChaseKernel& kernel);

}  // namespace rackproof::kernels::memory

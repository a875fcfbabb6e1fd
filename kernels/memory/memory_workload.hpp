#pragma once
/// A memory pattern on the current device.

#include "kernels/memory/memory.hpp"
#include "kernels/memory/memory_kernel.hpp"

#include <memory>

namespace rackproof::kernels::memory {

[[nodiscard]] std::unique_ptr<Workload> make_memory_workload(const MemoryProblem& problem,
                                                             const PrepareOptions& options,
                                                             const MemoryKernel& kernel);

}  // namespace rackproof::kernels::memory

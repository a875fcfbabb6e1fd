#pragma once
/// What a module holds, for functions that list it.

#include "emulator/engine/modules.hpp"

#include <cuda_runtime_api.h>

#include <string>
#include <vector>

namespace rackproof::emulator::engine {

/// Names of the kernels, in the order of the module.
cudaError_t kernel_names(Module& module, int device, std::vector<std::string>& names);

}  // namespace rackproof::emulator::engine

#include "emulator/engine/module_contents.hpp"

namespace rackproof::emulator::engine {

cudaError_t kernel_names(Module& module, int device, std::vector<std::string>& names) {
  const exec::Program* program = nullptr;
  if (const cudaError_t error = module.program(device, &program); error != cudaSuccess) {
    return error;
  }
  names.clear();
  for (std::size_t i = 0; i < program->kernel_count(); ++i) {
    names.push_back(program->kernel(i).name);
  }
  return cudaSuccess;
}

}  // namespace rackproof::emulator::engine

#pragma once
/// The decoded form of a module, for the executor alone.

#include "emulator/exec/call_graph.hpp"
#include "emulator/exec/decoded_kernel.hpp"
#include "emulator/exec/program.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace rackproof::emulator::exec {

class Program::Impl {
 public:
  std::shared_ptr<const ptx::Module> module;
  std::uint32_t architecture = 0;
  int device = 0;
  memory::AddressSpace* addresses = nullptr;

  std::vector<GlobalVariable> variables;
  std::map<std::string, std::size_t, std::less<>> variable_index;
  std::map<std::string, std::size_t, std::less<>> kernel_index;
  std::map<std::string, std::size_t, std::less<>> function_index;  ///< in module->functions
  CallGraph call_graph;
  std::vector<KernelInfo> kernels;
  std::vector<std::size_t> kernel_function;  ///< index in module->functions

  /// Decodes at the first launch; throws UnsupportedInstruction for kernels that cannot run.
  [[nodiscard]] std::shared_ptr<const DecodedKernel> decoded(std::size_t index) const;

  std::vector<AlignedBuffer> storage;  ///< of the variables

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::size_t, std::shared_ptr<const DecodedKernel>> decoded_;
};

/// Shared-memory layout of one kernel: module-level and function-level variables it can reach.
struct SharedLayout {
  std::map<std::string, std::uint32_t, std::less<>> offset;  ///< by (function "::")? name
  std::uint32_t base = 0;                                    ///< where variables start
  std::uint32_t first = 0;  ///< the first address that the kernel may use
  std::uint32_t end = 0;    ///< dynamic shared memory starts here
};
[[nodiscard]] SharedLayout lay_out_shared(const Program::Impl& program, std::size_t function);

/// Decodes kernel `function` (index in the module) with all it can call.
[[nodiscard]] std::unique_ptr<DecodedKernel> decode(const Program::Impl& program,
                                                    std::size_t function);

}  // namespace rackproof::emulator::exec

#pragma once
/// A module decoded for execution: operands resolved, variables placed, one handler an instruction.

#include "emulator/fatbin/fatbin.hpp"
#include "emulator/ptx/module.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::emulator::memory {
class AddressSpace;
}

namespace rackproof::emulator::exec {

/// An instruction, modifier or directive the executor does not know: refused by name at load.
class UnsupportedInstruction : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct KernelInfo {
  std::string name;
  std::uint32_t parameter_bytes = 0;
  std::uint32_t static_shared_bytes = 0;
  std::uint32_t local_bytes_per_thread = 0;
  std::uint32_t registers_per_thread = 0;  ///< from the cubin; else from launch bounds
  std::uint32_t max_threads_per_block = 1024;
  std::array<std::uint32_t, 3> required_cluster{};  ///< .reqnctapercluster; zeros: any
  std::uint32_t max_cluster_size = 0;               ///< .maxclusterrank; 0: no bound
  bool needs_explicit_cluster = false;              ///< .explicitcluster
  bool blocks_are_clusters = false;                 ///< grids are counted in clusters
  std::vector<std::uint32_t> parameter_offsets;
  std::vector<std::uint32_t> parameter_sizes;
};

struct GlobalVariable {
  std::string name;
  std::uintptr_t address = 0;
  std::uint64_t size_bytes = 0;
  bool is_constant = false;
};

/// Immutable after construction apart from the contents of its global variables.
class Program {
 public:
  /// Decodes `module` for `device`; places its .global and .const variables in memory registered
  /// with `addresses`. A kernel that uses something unknown is refused when launched, not before,
  /// so that one exotic kernel does not take the others of its module along.
  Program(std::shared_ptr<const ptx::Module> module, const fatbin::Contents* resources,
          std::uint32_t architecture, int device, memory::AddressSpace& addresses);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] std::optional<std::size_t> find_kernel(std::string_view name) const;
  [[nodiscard]] const KernelInfo& kernel(std::size_t index) const;
  [[nodiscard]] std::size_t kernel_count() const;
  [[nodiscard]] const GlobalVariable* find_variable(std::string_view name) const;

  class Impl;  ///< the decoded form, for the executor alone
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace rackproof::emulator::exec

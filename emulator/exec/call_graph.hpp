#pragma once
/// Which functions and module-level variables a kernel can reach, through pointers too.

#include "emulator/ptx/module.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace rackproof::emulator::exec {

class CallGraph {
 public:
  using Index = std::map<std::string, std::size_t, std::less<>>;

  CallGraph() = default;
  /// `functions` and `variables` give indices in `module` by name.
  CallGraph(const ptx::Module& module, const Index& functions, const Index& variables);

  struct Reach {
    std::vector<std::size_t> functions;  ///< in ascending order, the start included
    std::vector<std::size_t> variables;
    bool reserved_shared = false;  ///< asks for %reserved_smem_offset_*
  };
  /// An indirect call reaches every function whose address is taken somewhere in the module: the
  /// pointer may come from any kernel, or from the host.
  [[nodiscard]] Reach reach(std::size_t function) const;
  [[nodiscard]] const std::vector<std::size_t>& address_taken() const { return address_taken_; }

 private:
  struct Uses {
    std::vector<std::size_t> functions;
    std::vector<std::size_t> variables;
    bool calls_indirectly = false;
    bool reserved_shared = false;
  };
  std::vector<Uses> uses_;                  ///< by function
  std::vector<std::size_t> address_taken_;  ///< functions with a body, ascending
};

}  // namespace rackproof::emulator::exec

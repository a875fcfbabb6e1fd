#pragma once
/// Joins separately compiled modules (nvcc -rdc=true, cuLinkAddData) into one.
/// Source: PTX ISA 9.0, section 5.1 (linkage), 11.6 (.extern, .visible, .weak, .common).

#include "emulator/ptx/module.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace rackproof::emulator::ptx {

/// what() names the symbol and the modules.
class LinkError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LinkInput {
  std::string name;  ///< for messages
  Module module;
};

/// A symbol that a module uses and none defines. No error by itself: device code may call what the
/// driver provides (vprintf), and kernels that never reach it can run.
struct UndefinedSymbol {
  std::string symbol;
  std::string module;  ///< the first that uses it
};

struct LinkedModule {
  Module module;
  std::vector<UndefinedSymbol> undefined;
};

/// One definition per global name: .visible before .weak before .common, of equals the first (of
/// .common the largest). Names without linkage stay private to their module: where another module
/// uses the same name, they get a suffix. Throws LinkError for two .visible definitions, and for
/// uses that differ from the definition in kind, state space, size or parameters.
[[nodiscard]] LinkedModule link(std::vector<LinkInput> inputs);

}  // namespace rackproof::emulator::ptx

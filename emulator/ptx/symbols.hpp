#pragma once
/// Names at module scope, while a module is parsed.

#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace rackproof::emulator::ptx {

struct ModuleSymbol {
  enum class Kind : std::uint8_t { variable, function } kind = Kind::variable;
  std::size_t index = 0;  ///< in Module::variables or Module::functions
};

/// Keys are views of the text that is parsed.
using ModuleSymbols = std::unordered_map<std::string_view, ModuleSymbol>;

}  // namespace rackproof::emulator::ptx

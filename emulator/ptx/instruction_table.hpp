#pragma once
/// Every instruction of PTX ISA 9.0 with its modifiers and operands.
/// Source: PTX ISA 9.0, section 9.7 (the "Syntax" of each instruction).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::emulator::ptx {

/// A mnemonic split into views of static names, or the reason why it is none.
struct Mnemonic {
  std::string_view opcode;
  std::vector<std::string_view> modifiers;
  std::string problem;  ///< empty: legal
};

[[nodiscard]] Mnemonic resolve_mnemonic(std::string_view text);

}  // namespace rackproof::emulator::ptx

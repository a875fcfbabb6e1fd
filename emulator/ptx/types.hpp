#pragma once
/// Questions about PTX types that only the parser asks.

#include "emulator/ptx/module.hpp"

#include <optional>
#include <string_view>

namespace rackproof::emulator::ptx {

/// Type of "u32", "f16x2", ...; nullopt if there is none of that name.
[[nodiscard]] std::optional<Type> type_from_string(std::string_view name);
/// May variables be declared with it? Alternate formats (bf16, e4m3, ...) live in .bN variables.
[[nodiscard]] bool is_storable(Type type);
/// Scalar types whose initialisers are floating-point values.
[[nodiscard]] bool is_floating_point(Type type);

}  // namespace rackproof::emulator::ptx

#pragma once
/// The read-only registers of PTX. Source: PTX ISA 9.0, chapter 10.

#include <string_view>

namespace rackproof::emulator::ptx {

/// `name` is without "%": "tid.x", "laneid", "envreg3".
[[nodiscard]] bool is_special_register(std::string_view name);

}  // namespace rackproof::emulator::ptx

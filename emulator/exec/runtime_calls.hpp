#pragma once
/// Functions that device code calls and the driver provides: vprintf, __assertfail, malloc, free,
/// cudaGraphSetConditional.

#include "emulator/exec/device_services.hpp"
#include "emulator/exec/warp.hpp"

#include <string_view>

namespace rackproof::emulator::exec {

[[nodiscard]] bool is_builtin(std::string_view name);
void call_builtin(Warp& warp, const CallSite& site, std::uint32_t lanes);

}  // namespace rackproof::emulator::exec

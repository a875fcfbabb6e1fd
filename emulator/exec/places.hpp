#pragma once
/// How messages name kernels, CTAs, threads and instructions.

#include "emulator/exec/fault.hpp"
#include "emulator/exec/grid_context.hpp"

#include <string>

namespace rackproof::emulator::exec {

class Warp;

/// "(1,0,0)"
[[nodiscard]] std::string position(const Dim3& id);
[[nodiscard]] std::string thread_position(const GridContext& grid, const Warp& warp,
                                          std::uint32_t lane);
/// "PTX line 12 (gemm.cu:34) (ld.global.u32)"
[[nodiscard]] std::string describe_instruction(const GridContext& grid, std::uint32_t pc);
/// As in the source, without what is inside long template and parameter lists.
[[nodiscard]] std::string readable_name(const std::string& mangled);

}  // namespace rackproof::emulator::exec

#pragma once
/// How messages name kernels, CTAs, threads and instructions.

#include "emulator/exec/fault.hpp"
#include "emulator/exec/grid_context.hpp"

#include <string>

namespace rackproof::emulator::exec {

class Cta;
class Warp;

/// "(1,0,0)"
[[nodiscard]] std::string position(const Dim3& id);
[[nodiscard]] std::string thread_position(const GridContext& grid, const Warp& warp,
                                          std::uint32_t lane);
/// "PTX line 12 (gemm.cu:34) (ld.global.u32)"
[[nodiscard]] std::string describe_instruction(const GridContext& grid, std::uint32_t pc);
/// "kernel 'k', PTX line 12 (gemm.cu:34) (ld.global.u32), CTA (1,0,0), thread (5,0,0)"; without
/// the instruction and the thread if no lane of `warp` is named, without the CTA for nullptr.
[[nodiscard]] std::string describe_place(const GridContext& grid, const Cta* cta, const Warp* warp,
                                         std::uint32_t lane);
/// A rule that the kernel breaks and hardware forgives: a line on stderr, once a kernel.
void note(const GridContext& grid, const Cta& cta, const Warp& warp, std::uint32_t lane,
          const std::string& what);
/// As in the source, without what is inside long template and parameter lists.
[[nodiscard]] std::string readable_name(const std::string& mangled);

}  // namespace rackproof::emulator::exec

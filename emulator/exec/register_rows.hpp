#pragma once
/// Rows of a frame for the registers of a function. PTX has as many registers as its compiler likes
/// to name; rows are shared by those that no thread needs at the same time, so that a frame stays
/// in the host's caches.

#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <vector>

namespace rackproof::emulator::exec {

/// The row of each register among the rows of its width (row_width()). Registers of the same row
/// are never live at once, and none is read by an instruction that writes another. A register that
/// asynchronous instructions write or read has a row of its own.
[[nodiscard]] std::vector<std::uint32_t> assign_rows(const ptx::Function& function);

}  // namespace rackproof::emulator::exec

#pragma once
/// Tells the emulator's own threads from the program's.

#include <cstddef>

namespace rackproof::emulator::exec {

/// The calling thread is the emulator's: debuggers show it as "rackproof-emu".
void name_own_thread();
/// The calling thread has been named so. Safe in signal handlers.
[[nodiscard]] bool is_own_thread();
/// Threads of this process that are not. On failure a number that no process reaches.
[[nodiscard]] std::size_t count_other_threads();

}  // namespace rackproof::emulator::exec

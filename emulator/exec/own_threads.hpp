#pragma once
/// Tells the emulator's own threads from the program's.

#include <cstddef>

#if defined(__SANITIZE_THREAD__)
#define RACKPROOF_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACKPROOF_THREAD_SANITIZER 1
#endif
#endif

namespace rackproof::emulator::exec {

/// ThreadSanitizer has a thread of its own, and leaves a program 1.5 TiB of addresses.
#ifdef RACKPROOF_THREAD_SANITIZER
inline constexpr bool kIsUnderThreadSanitizer = true;
#else
inline constexpr bool kIsUnderThreadSanitizer = false;
#endif

/// The calling thread is the emulator's: debuggers show it as "rackproof-emu".
void name_own_thread();
/// The calling thread has been named so. Safe in signal handlers.
[[nodiscard]] bool is_own_thread();
/// Threads of this process that are not. On failure a number that no process reaches.
[[nodiscard]] std::size_t count_other_threads();

}  // namespace rackproof::emulator::exec

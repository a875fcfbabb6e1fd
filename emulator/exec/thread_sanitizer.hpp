#pragma once
/// Whether this is a build under ThreadSanitizer, which changes what a process looks like.

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

}  // namespace rackproof::emulator::exec

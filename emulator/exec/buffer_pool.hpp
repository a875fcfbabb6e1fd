#pragma once
/// Memory of CTAs that ended, for those that begin: they are many, of one size, and the system
/// takes large blocks back at once.

#include <cstddef>

namespace rackproof::emulator::exec {

/// Buffers start on a multiple of this.
inline constexpr std::size_t kBufferAlignment = 128;

/// `size_bytes` with unspecified contents.
[[nodiscard]] std::byte* take_buffer(std::size_t size_bytes);
/// Kept by the calling thread, up to a limit. nullptr is allowed.
void give_back_buffer(std::byte* buffer, std::size_t size_bytes) noexcept;

struct GiveBack {
  std::size_t size_bytes = 0;
  void operator()(std::byte* buffer) const noexcept { give_back_buffer(buffer, size_bytes); }
};

}  // namespace rackproof::emulator::exec

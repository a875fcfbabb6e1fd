#pragma once
/// Copies of one lane's data that other threads of the process never see half of.

#include <cstdint>

namespace rackproof::emulator::exec {

// 16 bytes that the host moves at once.
struct alignas(16) Quad {
  typedef std::uint64_t Vector __attribute__((vector_size(16), may_alias));
  Vector value;
};

template <class T>
inline void move_scalar(void* to, const void* from) {
  // Relaxed atomics: other threads of the process may use the same memory.
  const T value = __atomic_load_n(static_cast<const T*>(from), __ATOMIC_RELAXED);
  __atomic_store_n(static_cast<T*>(to), value, __ATOMIC_RELAXED);
}

/// Moves one lane's data, untorn up to 16 bytes; both sides are aligned to their size.
inline void move_bytes(void* to, const void* from, std::uint32_t bytes) {
  switch (bytes) {
    case 1:
      move_scalar<std::uint8_t>(to, from);
      break;
    case 2:
      move_scalar<std::uint16_t>(to, from);
      break;
    case 4:
      move_scalar<std::uint32_t>(to, from);
      break;
    case 8:
      move_scalar<std::uint64_t>(to, from);
      break;
    case 16:
      *static_cast<Quad::Vector*>(to) = *static_cast<const Quad::Vector*>(from);
      break;
    default:
      for (std::uint32_t offset = 0; offset < bytes; offset += 16) {
        static_cast<Quad::Vector*>(to)[offset / 16] =
            static_cast<const Quad::Vector*>(from)[offset / 16];
      }
      break;
  }
}

}  // namespace rackproof::emulator::exec

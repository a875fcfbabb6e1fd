#include "emulator/exec/buffer_pool.hpp"

#include <new>
#include <unordered_map>
#include <vector>

namespace rackproof::emulator::exec {
namespace {

constexpr std::size_t kMostKeptBytes = 16U << 20;

struct Pool {
  std::unordered_map<std::size_t, std::vector<std::byte*>> by_size;
  std::size_t kept_bytes = 0;
};

// Never destroyed: CTAs may outlive the thread-local objects of main.
Pool& pool() {
  thread_local Pool* const own = new Pool;
  return *own;
}

void free_buffer(std::byte* buffer) {
  ::operator delete (buffer, std::align_val_t{kBufferAlignment});
}

}  // namespace

std::byte* take_buffer(std::size_t size_bytes) {
  Pool& own = pool();
  if (const auto found = own.by_size.find(size_bytes);
      found != own.by_size.end() && !found->second.empty()) {
    std::byte* const buffer = found->second.back();
    found->second.pop_back();
    own.kept_bytes -= size_bytes;
    return buffer;
  }
  return static_cast<std::byte*>(::operator new (size_bytes, std::align_val_t{kBufferAlignment}));
}

void give_back_buffer(std::byte* buffer, std::size_t size_bytes) noexcept {
  if (buffer == nullptr) {
    return;
  }
  try {
    Pool& own = pool();
    if (own.kept_bytes + size_bytes > kMostKeptBytes) {
      // Sizes of kernels that are no longer run make room.
      for (auto& [size, buffers] : own.by_size) {
        for (std::byte* const kept : buffers) {
          free_buffer(kept);
        }
      }
      own.by_size.clear();
      own.kept_bytes = 0;
    }
    if (size_bytes <= kMostKeptBytes) {
      own.by_size[size_bytes].push_back(buffer);
      own.kept_bytes += size_bytes;
      return;
    }
  } catch (const std::bad_alloc&) {
    // Then it is not kept.
  }
  free_buffer(buffer);
}

}  // namespace rackproof::emulator::exec

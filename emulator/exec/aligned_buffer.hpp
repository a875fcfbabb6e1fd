#pragma once
/// Zeroed bytes on a 128-byte boundary: what registers, and lines of shared memory, want.

#include "emulator/exec/buffer_pool.hpp"

#include <cstddef>
#include <cstring>
#include <memory>

namespace rackproof::emulator::exec {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t size_bytes) { resize(size_bytes); }

  /// Grows to `size_bytes`; what was there stays, the rest is zero.
  void resize(std::size_t size_bytes) {
    if (size_bytes <= size_bytes_) {
      return;
    }
    std::unique_ptr<std::byte, GiveBack> grown(take_buffer(size_bytes), GiveBack{size_bytes});
    if (size_bytes_ != 0) {
      std::memcpy(grown.get(), data_.get(), size_bytes_);
    }
    std::memset(grown.get() + size_bytes_, 0, size_bytes - size_bytes_);
    data_ = std::move(grown);
    size_bytes_ = size_bytes;
  }
  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_bytes_; }

 private:
  std::unique_ptr<std::byte, GiveBack> data_;
  std::size_t size_bytes_ = 0;
};

}  // namespace rackproof::emulator::exec

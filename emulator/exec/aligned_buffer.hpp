#pragma once
/// Zeroed bytes on a 128-byte boundary: what registers, and lines of shared memory, want.

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

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
    auto* raw = static_cast<std::byte*>(::operator new (size_bytes, std::align_val_t{128}));
    if (size_bytes_ != 0) {
      std::memcpy(raw, data_.get(), size_bytes_);
    }
    std::memset(raw + size_bytes_, 0, size_bytes - size_bytes_);
    data_.reset(raw);
    size_bytes_ = size_bytes;
  }
  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_bytes_; }

 private:
  struct Release {
    void operator()(std::byte* raw) const { ::operator delete (raw, std::align_val_t{128}); }
  };
  std::unique_ptr<std::byte, Release> data_;
  std::size_t size_bytes_ = 0;
};

}  // namespace rackproof::emulator::exec

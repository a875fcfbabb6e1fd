#pragma once
/// Bytes as a file that exists only in memory, for readers that take a path.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace rackproof::fuzz {

class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size)
      : descriptor_(memfd_create("rackproof-fuzz", MFD_CLOEXEC)) {
    valid_ = descriptor_ >= 0 && write(descriptor_, data, size) == static_cast<ssize_t>(size);
  }
  ~MemoryFile() {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] std::filesystem::path path() const {
    return "/proc/self/fd/" + std::to_string(descriptor_);
  }

 private:
  int descriptor_;
  bool valid_ = false;
};

}  // namespace rackproof::fuzz

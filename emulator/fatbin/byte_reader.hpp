#pragma once
/// Little-endian reads that cannot leave their span.

#include "emulator/fatbin/fatbin.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace rackproof::emulator::fatbin {

static_assert(std::endian::native == std::endian::little, "CUDA hosts are little-endian");

class ByteReader {
 public:
  /// `what` names the bytes in messages: "fatbin", "cubin".
  ByteReader(std::span<const std::byte> bytes, std::string_view what)
      : bytes_(bytes), what_(what) {}

  template <typename T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T read(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, slice(offset, sizeof(T)).data(), sizeof(T));
    return value;
  }

  [[nodiscard]] std::span<const std::byte> slice(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      throw FatbinError(std::string(what_) + ": " + std::to_string(size) + " bytes at offset " +
                        std::to_string(offset) + " lie outside its " +
                        std::to_string(bytes_.size()) + " bytes");
    }
    return bytes_.subspan(offset, size);
  }

  /// A zero-terminated string.
  [[nodiscard]] std::string_view string(std::uint64_t offset) const {
    (void)slice(offset, 0);
    const std::span<const std::byte> rest = bytes_.subspan(offset);
    const auto* begin = reinterpret_cast<const char*>(rest.data());
    const void* end = rest.empty() ? nullptr : std::memchr(begin, 0, rest.size());
    if (end == nullptr) {
      throw FatbinError(std::string(what_) + ": the string at offset " + std::to_string(offset) +
                        " does not end");
    }
    return {begin, static_cast<std::size_t>(static_cast<const char*>(end) - begin)};
  }

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  std::string_view what_;
};

}  // namespace rackproof::emulator::fatbin

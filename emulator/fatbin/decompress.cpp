#include "emulator/fatbin/decompress.hpp"

#include "emulator/fatbin/fatbin.hpp"

#include <zstd.h>

#include <algorithm>
#include <string>

namespace rackproof::emulator::fatbin {
namespace {

// A module of a gigabyte is damage, not a program.
constexpr std::uint64_t kMaximumPlainBytes = std::uint64_t{1} << 30;

std::vector<std::byte> allocate(std::uint64_t plain_bytes) {
  if (plain_bytes > kMaximumPlainBytes) {
    throw FatbinError("fatbin: an entry claims " + std::to_string(plain_bytes) +
                      " bytes when decompressed, more than 1 GiB");
  }
  return std::vector<std::byte>(plain_bytes);
}

/// Walks one LZ4 block; every length is checked against both ends.
class Lz4Block {
 public:
  Lz4Block(std::span<const std::byte> packed, std::span<std::byte> plain)
      : packed_(packed), plain_(plain) {}

  void decode() {
    for (;;) {
      const std::uint8_t token = byte();
      copy_literals(length(token >> 4));
      if (in_ == packed_.size()) {
        break;
      }
      const std::size_t low = byte();
      const std::size_t distance = low | static_cast<std::size_t>(byte()) << 8;
      copy_match(distance, length(token & 15U) + 4);
    }
    if (out_ != plain_.size()) {
      fail();
    }
  }

 private:
  [[noreturn]] static void fail() { throw FatbinError("fatbin: an LZ4 entry is damaged"); }

  std::uint8_t byte() {
    if (in_ == packed_.size()) {
      fail();
    }
    return std::to_integer<std::uint8_t>(packed_[in_++]);
  }

  std::size_t length(unsigned nibble) {
    std::size_t result = nibble;
    if (nibble == 15) {
      std::uint8_t more = 0;
      do {
        more = byte();
        result += more;
      } while (more == 255);
    }
    return result;
  }

  void copy_literals(std::size_t count) {
    if (count > packed_.size() - in_ || count > plain_.size() - out_) {
      fail();
    }
    std::copy_n(packed_.begin() + static_cast<std::ptrdiff_t>(in_), count,
                plain_.begin() + static_cast<std::ptrdiff_t>(out_));
    in_ += count;
    out_ += count;
  }

  void copy_match(std::size_t distance, std::size_t count) {
    if (distance == 0 || distance > out_ || count > plain_.size() - out_) {
      fail();
    }
    for (std::size_t i = 0; i < count; ++i, ++out_) {  // source and target may overlap
      plain_[out_] = plain_[out_ - distance];
    }
  }

  std::span<const std::byte> packed_;
  std::span<std::byte> plain_;
  std::size_t in_ = 0;
  std::size_t out_ = 0;
};

}  // namespace

std::vector<std::byte> decompress_zstd(std::span<const std::byte> packed,
                                       std::uint64_t plain_bytes) {
  std::vector<std::byte> plain = allocate(plain_bytes);
  const std::size_t size =
      ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0) {
    throw FatbinError(std::string("fatbin: a zstd entry is damaged: ") + ZSTD_getErrorName(size));
  }
  if (size != plain_bytes) {
    throw FatbinError("fatbin: a zstd entry holds " + std::to_string(size) + " bytes, not " +
                      std::to_string(plain_bytes) + " as its header says");
  }
  return plain;
}

std::vector<std::byte> decompress_lz4(std::span<const std::byte> packed,
                                      std::uint64_t plain_bytes) {
  std::vector<std::byte> plain = allocate(plain_bytes);
  Lz4Block(packed, plain).decode();
  return plain;
}

}  // namespace rackproof::emulator::fatbin

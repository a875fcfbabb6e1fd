#pragma once
/// Fields of 64-bit descriptors.

#include <cstdint>

namespace rackproof::emulator::tensor {

/// `width` bits, fewer than 64, of `bits` from bit `first` on.
[[nodiscard]] constexpr std::uint32_t field(std::uint64_t bits, unsigned first, unsigned width) {
  return static_cast<std::uint32_t>(bits >> first & ((std::uint64_t{1} << width) - 1));
}

}  // namespace rackproof::emulator::tensor

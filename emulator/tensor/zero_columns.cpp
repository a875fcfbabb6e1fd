#include "emulator/tensor/zero_columns.hpp"

#include "emulator/tensor/bit_field.hpp"
#include "emulator/tensor/shared_descriptor.hpp"

#include <string>

namespace rackproof::emulator::tensor {
namespace {

constexpr unsigned kStartCountBits = 8;
constexpr unsigned kFirstSpans = 32;
constexpr unsigned kNonZero = 39;
constexpr unsigned kSkipSpan = 40;
constexpr unsigned kUseSpan = 48;
constexpr unsigned kShift = 56;

}  // namespace

std::vector<bool> zero_columns(std::uint64_t descriptor, std::uint32_t m, std::uint32_t n) {
  if (field(descriptor, 36, 3) != 0 || field(descriptor, 62, 2) != 0) {
    throw DescriptorError("zero-column mask: bits 36 to 38 and 62 to 63 are reserved");
  }
  std::vector<bool> zeros(n);
  if (field(descriptor, kNonZero, 1) == 0) {
    return zeros;
  }
  const std::uint32_t used = field(descriptor, kUseSpan, 8) + 1;
  const std::uint32_t zero = field(descriptor, kSkipSpan, 8) + 1;
  const std::uint32_t width = n * m / 128;
  for (std::uint32_t column = 0; column < n; ++column) {
    const std::uint32_t part = column / width;
    const std::uint32_t start = field(descriptor, part * kStartCountBits, kStartCountBits);
    const bool begins_with_zeros = field(descriptor, kFirstSpans + part, 1) != 0;
    const std::uint32_t at = (column % width + start) % (used + zero);
    zeros[column] = begins_with_zeros ? at < zero : at >= used;
  }
  return zeros;
}

std::uint32_t column_shift(std::uint64_t descriptor, std::uint32_t m) {
  const std::uint32_t shift = field(descriptor, kShift, 6);
  const std::uint32_t largest = m == 32 ? 16 : 32;
  if (shift > largest) {
    throw DescriptorError("zero-column mask: a column shift of " + std::to_string(shift) +
                          ", with M = " + std::to_string(m) + " it is " + std::to_string(largest) +
                          " at most");
  }
  return shift;
}

}  // namespace rackproof::emulator::tensor

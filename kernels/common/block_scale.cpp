#include "kernels/common/block_scale.hpp"

#include "kernels/common/host_codec.hpp"

#include <array>
#include <cmath>
#include <stdexcept>
#include <string>

namespace rackproof::kernels {
namespace {

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

}  // namespace

int scale_interval(ElementType type) {
  constexpr int kMxInterval = 32;
  constexpr int kNvfp4Interval = 16;
  switch (type) {
    case ElementType::mxfp8:
    case ElementType::mxfp4:
      return kMxInterval;
    case ElementType::nvfp4:
      return kNvfp4Interval;
    default:
      return 0;
  }
}

std::int64_t scale_blocks_of_row(ElementType type, std::int64_t columns) {
  const int interval = scale_interval(type);
  return interval == 0 ? 0 : divide_up(columns, interval * kScaleBlockScales);
}

std::int64_t scale_bytes(ElementType type, std::int64_t rows, std::int64_t columns) {
  return divide_up(rows, kScaleBlockRows) * scale_blocks_of_row(type, columns) * kScaleBlockBytes;
}

float fp4_e2m1_to_float(std::uint8_t code) {
  constexpr std::array kMagnitudes{0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F};
  const float magnitude = kMagnitudes.at(code & 7U);
  return (code & 8U) != 0 ? -magnitude : magnitude;
}

float scale_to_float(ElementType type, std::uint8_t code) {
  constexpr int kUe8m0Bias = 127;
  constexpr std::uint8_t kUe8m0Nan = 0xFF;
  switch (type) {
    case ElementType::mxfp8:
    case ElementType::mxfp4:
      return code == kUe8m0Nan ? std::nanf("") : std::ldexp(1.0F, code - kUe8m0Bias);
    case ElementType::nvfp4:
      return fp8_e4m3_to_float(code & 0x7FU);  // the unit ignores bit 7
    default:
      throw std::invalid_argument(std::string(to_string(type)) + " has no scales");
  }
}

void decode_scaled_row(ElementType type, const std::byte* elements, const std::byte* scales,
                       std::int64_t row, std::span<double> values) {
  const auto columns = static_cast<std::int64_t>(values.size());
  const std::int64_t blocks = scale_blocks_of_row(type, columns);
  const int interval = scale_interval(type);
  for (std::int64_t k = 0; k < columns; ++k) {
    const auto index = static_cast<std::size_t>(k);
    const auto scale = static_cast<std::uint8_t>(scales[scale_offset(row, k / interval, blocks)]);
    float element = 0;
    if (element_bits(type) == 4) {
      const auto pair = static_cast<std::uint8_t>(elements[index / 2]);
      element = fp4_e2m1_to_float(k % 2 == 0 ? pair & 0xFU : pair >> 4);
    } else {
      element = fp8_e4m3_to_float(static_cast<std::uint8_t>(elements[index]));
    }
    values[index] = static_cast<double>(element) * static_cast<double>(scale_to_float(type, scale));
  }
}

}  // namespace rackproof::kernels

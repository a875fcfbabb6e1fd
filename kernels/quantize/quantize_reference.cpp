#include "kernels/quantize/quantize_reference.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/common/host_codec.hpp"

#include <algorithm>
#include <cmath>

namespace rackproof::kernels::quantize {
namespace {

std::uint8_t e4m3(float value) {
  std::uint8_t code = 0;
  encode(ElementType::fp8_e4m3, std::span<const float>(&value, 1), &code);
  return code;
}

/// The nearest of the eight magnitudes, of two the one with the even code.
std::uint8_t e2m1(float value) {
  constexpr float kLargest = 6.0F;
  const float magnitude = std::min(std::fabs(value), kLargest);
  std::uint8_t nearest = 0;
  for (std::uint8_t code = 1; code < 8; ++code) {
    const float distance = std::fabs(fp4_e2m1_to_float(code) - magnitude);
    const float best = std::fabs(fp4_e2m1_to_float(nearest) - magnitude);
    if (distance < best || (distance == best && code % 2 == 0)) {
      nearest = code;
    }
  }
  return static_cast<std::uint8_t>(nearest | (std::signbit(value) ? 8 : 0));
}

std::uint8_t scale_code(ElementType type, float largest) {
  if (largest == 0) {
    return 0;
  }
  if (type == ElementType::nvfp4) {
    return e4m3(largest / 6.0F);
  }
  const int largest_exponent = type == ElementType::mxfp4 ? 2 : 8;
  return static_cast<std::uint8_t>(std::max(std::ilogb(largest) - largest_exponent + 127, 0));
}

}  // namespace

Quantized quantize_reference(ElementType type, std::span<const float> values, std::int64_t rows,
                             std::int64_t columns) {
  const auto interval = static_cast<std::int64_t>(scale_interval(type));
  const std::int64_t blocks = scale_blocks_of_row(type, columns);
  const std::int64_t per_byte = 8 / element_bits(type);
  Quantized result{
      .elements = std::vector<std::byte>(static_cast<std::size_t>(rows * columns / per_byte)),
      .scales = std::vector<std::byte>(static_cast<std::size_t>(scale_bytes(type, rows, columns)))};
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t scale = 0; scale < columns / interval; ++scale) {
      const std::int64_t first = row * columns + scale * interval;
      const auto block =
          values.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(interval));
      float largest = 0;
      for (const float value : block) {
        largest = std::max(largest, std::fabs(value));
      }
      const std::uint8_t code = scale_code(type, largest);
      const float factor = scale_to_float(type, code);
      result.scales[scale_offset(row, scale, blocks)] = static_cast<std::byte>(code);
      for (std::int64_t i = 0; i < interval; ++i) {
        const float x = factor == 0 ? 0.0F : block[static_cast<std::size_t>(i)] / factor;
        const auto place = static_cast<std::size_t>((first + i) / per_byte);
        if (per_byte == 2) {
          result.elements[place] |= static_cast<std::byte>(e2m1(x) << (i % 2 * 4));
        } else {
          result.elements[place] = static_cast<std::byte>(e4m3(x));
        }
      }
    }
  }
  return result;
}

}  // namespace rackproof::kernels::quantize

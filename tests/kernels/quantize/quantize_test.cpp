/// The quantisers, bit for bit against their definition, and the layout of scales.

#include "kernels/quantize/quantize.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/common/host_codec.hpp"
#include "kernels/quantize/quantize_reference.hpp"
#include "runtime/device_buffer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace rackproof::kernels::quantize {
namespace {

/// Values over 40 binades, of one element or of 32 neighbours alike: scales from the smallest to
/// the largest; a block of zeros and one of the largest numbers.
std::vector<float> values_of(std::int64_t rows, std::int64_t columns) {
  std::mt19937 generator(7);
  std::uniform_real_distribution<float> mantissa(-1.0F, 1.0F);
  std::uniform_int_distribution<int> exponent(-24, 16);
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  int common = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    common = i % 32 == 0 ? exponent(generator) : common;
    const int power = i / 32 % 3 == 1 ? common : i / 16 % 3 == 0 ? exponent(generator) : 0;
    const float value = std::ldexp(mantissa(generator), power);
    values[i] = i < 32 ? (i % 2 == 0 ? 0.0F : -0.0F) : i < 64 ? 0x1.fep127F : value;
  }
  std::vector<std::byte> bits(values.size() * 2);
  encode(ElementType::bf16, std::span<const float>(values), bits.data());
  decode(ElementType::bf16, bits.data(), std::span<float>(values));
  return values;
}

class Quantize : public testing::TestWithParam<ElementType> {};
INSTANTIATE_TEST_SUITE_P(
    Types, Quantize, testing::Values(ElementType::mxfp8, ElementType::mxfp4, ElementType::nvfp4),
    [](const auto& instance) { return std::string(to_string(instance.param)); });

TEST_P(Quantize, EqualsTheDefinition) {
  const ElementType type = GetParam();
  constexpr std::int64_t kRows = 131;
  constexpr std::int64_t kColumns = 160;
  const std::vector<float> values = values_of(kRows, kColumns);
  std::vector<std::byte> source(values.size() * 2);
  encode(ElementType::bf16, std::span<const float>(values), source.data());
  const runtime::DeviceBuffer<std::byte> device_source{std::span<const std::byte>(source)};
  const Quantized expected = quantize_reference(type, values, kRows, kColumns);
  runtime::DeviceBuffer<std::byte> elements(expected.elements.size());
  runtime::DeviceBuffer<std::byte> scales(expected.scales.size());
  quantize(type,
           {.source = device_source.data(),
            .elements = elements.data(),
            .scales = scales.data(),
            .element_row_bytes = kColumns * element_bits(type) / 8,
            .rows = kRows,
            .columns = kColumns},
           nullptr);
  EXPECT_EQ(scales.download(), expected.scales);
  EXPECT_EQ(elements.download(), expected.elements);
}

/// What comes back is within half a step of what went in, relative to the block's largest.
TEST_P(Quantize, KeepsWhatTheFormatCan) {
  const ElementType type = GetParam();
  constexpr std::int64_t kColumns = 64;
  std::vector<float> values(kColumns);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<float>(i) * 1.7F);
  }
  const Quantized quantized = quantize_reference(type, values, 1, kColumns);
  std::vector<double> decoded(values.size());
  decode_scaled_row(type, quantized.elements.data(), quantized.scales.data(), 0, decoded);
  // mxfp8: 448 / 2^8 = 1.75 of the largest binade is in range, the rest saturates: 1/8 of 2.
  // mxfp4: 6 / 2^2 = 1.5 of the largest binade is in range, the rest saturates: 1/4 of 2.
  // nvfp4: half of the step from 4 to 6, of 6, and the scale's own rounding, 1/16.
  const double tolerance = type == ElementType::mxfp8   ? 0.125
                           : type == ElementType::mxfp4 ? 0.25
                                                        : 1.0 / 6 + 1.0 / 16;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(decoded[i], static_cast<double>(values[i]), tolerance) << i;
  }
}

TEST(BlockScale, LiesAsTheMatrixUnitReadsIt) {
  EXPECT_EQ(scale_offset(0, 0, 3), 0U);
  EXPECT_EQ(scale_offset(0, 3, 3), 3U);
  EXPECT_EQ(scale_offset(1, 0, 3), 16U);
  EXPECT_EQ(scale_offset(32, 0, 3), 4U);
  EXPECT_EQ(scale_offset(127, 3, 3), 511U);
  EXPECT_EQ(scale_offset(0, 4, 3), 512U);
  EXPECT_EQ(scale_offset(128, 0, 3), 1536U);
  EXPECT_EQ(scale_bytes(ElementType::nvfp4, 129, 65), 2 * 2 * 512);
  EXPECT_EQ(scale_bytes(ElementType::mxfp8, 128, 128), 512);
  EXPECT_EQ(scale_bytes(ElementType::mxfp4, 128, 129), 2 * 512);
  EXPECT_EQ(scale_bytes(ElementType::bf16, 128, 128), 0);
}

}  // namespace
}  // namespace rackproof::kernels::quantize

#include "kernels/common/random_fill.hpp"

#include "kernels/common/host_codec.hpp"
#include "runtime/device_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace rackproof::kernels {
namespace {

std::vector<float> filled(ElementType type, std::size_t count, std::uint64_t seed) {
  runtime::DeviceBuffer<std::byte> buffer(count * element_bytes(type));
  fill_uniform(buffer.data(), type, count, seed, nullptr);
  std::vector<float> values(count);
  decode(type, buffer.download().data(), values);
  return values;
}

TEST(RandomFill, IsUniformInTheHalfOpenInterval) {
  constexpr std::size_t kCount = 20'000;
  for (const ElementType type : {ElementType::bf16, ElementType::fp16, ElementType::fp32}) {
    const std::vector<float> values = filled(type, kCount, 7);
    EXPECT_GE(*std::min_element(values.begin(), values.end()), -1.0F) << to_string(type);
    EXPECT_LT(*std::max_element(values.begin(), values.end()), 1.0F) << to_string(type);
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / kCount;
    double square = 0;
    for (const float value : values) {
      square += static_cast<double>(value) * static_cast<double>(value) / kCount;
    }
    // Five standard deviations of the mean of n uniform values (variance 1/3) and of its square
    // (variance 4/45), and 2^-8 that rounding toward zero may shift.
    EXPECT_NEAR(mean, 0, 5 * 0.5774 / 141.4 + 0x1p-8) << to_string(type);
    EXPECT_NEAR(square, 1.0 / 3, 5 * 0.2981 / 141.4 + 0x1p-8) << to_string(type);
  }
}

TEST(RandomFill, DependsOnTheSeedAlone) {
  EXPECT_EQ(filled(ElementType::bf16, 1000, 1), filled(ElementType::bf16, 1000, 1));
  EXPECT_NE(filled(ElementType::bf16, 1000, 1), filled(ElementType::bf16, 1000, 2));
  const std::vector<float> shorter = filled(ElementType::fp32, 10, 3);
  const std::vector<float> longer = filled(ElementType::fp32, 1000, 3);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

}  // namespace
}  // namespace rackproof::kernels

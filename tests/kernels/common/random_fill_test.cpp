#include "kernels/common/random_fill.hpp"

#include "kernels/common/host_codec.hpp"
#include "runtime/device_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>

namespace rackproof::kernels {
namespace {

std::vector<double> filled(ElementType type, std::size_t count, std::uint64_t seed) {
  runtime::DeviceBuffer<std::byte> buffer(count * element_bytes(type));
  fill_uniform(buffer.data(), type, count, seed, nullptr);
  std::vector<double> values(count);
  decode(type, buffer.download().data(), values);
  return values;
}

TEST(RandomFill, IsUniformInTheHalfOpenInterval) {
  constexpr std::size_t kCount = 20'000;
  for (const ElementType type : {ElementType::bf16, ElementType::fp16, ElementType::fp32,
                                 ElementType::tf32, ElementType::fp64}) {
    const std::vector<double> values = filled(type, kCount, 7);
    EXPECT_GE(*std::min_element(values.begin(), values.end()), -1.0) << to_string(type);
    EXPECT_LT(*std::max_element(values.begin(), values.end()), 1.0) << to_string(type);
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / kCount;
    double square = 0;
    for (const double value : values) {
      square += value * value / kCount;
    }
    // Five standard deviations of the mean of n uniform values (variance 1/3) and of its square
    // (variance 4/45), and 2^-8 that rounding toward zero may shift.
    EXPECT_NEAR(mean, 0, 5 * 0.5774 / 141.4 + 0x1p-8) << to_string(type);
    EXPECT_NEAR(square, 1.0 / 3, 5 * 0.2981 / 141.4 + 0x1p-8) << to_string(type);
  }
}

/// The same draw, times a power of two for each run: a quarter of the runs each, neighbours differ.
TEST(RandomFill, RunsHaveMagnitudesOfTheirOwn) {
  constexpr std::size_t kRun = 32;
  constexpr std::size_t kRuns = 400;
  const std::vector<double> plain = filled(ElementType::bf16, kRun * kRuns, 7);
  runtime::DeviceBuffer<std::byte> buffer(kRun * kRuns * 2);
  fill_uniform_runs(buffer.data(), kRun * kRuns, kRun, 7, nullptr);
  std::vector<double> values(kRun * kRuns);
  decode(ElementType::bf16, buffer.download().data(), values);
  std::array<int, 4> found{};
  for (std::size_t run = 0; run < kRuns; ++run) {
    const double factor = values[run * kRun] / plain[run * kRun];
    for (std::size_t i = 0; i < kRun; ++i) {
      ASSERT_EQ(values[run * kRun + i], plain[run * kRun + i] * factor);
    }
    ++found.at(static_cast<std::size_t>(-std::ilogb(factor)));
  }
  for (const int runs : found) {
    EXPECT_NEAR(runs, 100, 5 * 8.7);  // five standard deviations of 400 draws
  }
}

/// The same draw in every type, cut toward zero: fp8 is within one of its steps below fp32.
TEST(RandomFill, CutsFp8TowardZero) {
  constexpr std::size_t kCount = 4000;
  const std::vector<double> exact = filled(ElementType::fp32, kCount, 11);
  for (const auto& [type, fraction_bits, smallest] :
       {std::tuple(ElementType::fp8_e4m3, 3, 0x1p-9),
        std::tuple(ElementType::fp8_e5m2, 2, 0x1p-16)}) {
    const std::vector<double> values = filled(type, kCount, 11);
    for (std::size_t i = 0; i < kCount; ++i) {
      const double below = std::fabs(exact[i]) - std::fabs(values[i]);
      EXPECT_GE(below, 0) << to_string(type) << " " << exact[i];
      EXPECT_LT(below, std::max(smallest, std::ldexp(std::fabs(exact[i]), -fraction_bits)))
          << to_string(type) << " " << exact[i];
      EXPECT_GE(values[i] * exact[i], 0);
    }
  }
}

TEST(RandomFill, DrawsIntegersOfEightBits) {
  for (const ElementType type : {ElementType::int8, ElementType::int32}) {
    const std::vector<double> values = filled(type, 20'000, 5);
    EXPECT_EQ(*std::min_element(values.begin(), values.end()), -128) << to_string(type);
    EXPECT_EQ(*std::max_element(values.begin(), values.end()), 127) << to_string(type);
    // Five standard deviations (73.9 each) of the mean of uniform integers, which is -0.5.
    EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / 20'000, -0.5,
                5 * 73.9 / 141.4);
  }
}

TEST(RandomFill, DependsOnTheSeedAlone) {
  EXPECT_EQ(filled(ElementType::bf16, 1000, 1), filled(ElementType::bf16, 1000, 1));
  EXPECT_NE(filled(ElementType::bf16, 1000, 1), filled(ElementType::bf16, 1000, 2));
  const std::vector<double> shorter = filled(ElementType::fp32, 10, 3);
  const std::vector<double> longer = filled(ElementType::fp32, 1000, 3);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

}  // namespace
}  // namespace rackproof::kernels

// Arithmetic of each type where it is not exact: rounding, overflow, NaN, wrap, division.
#include "emulator/api_nccl/element.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace rackproof::emulator::api_nccl {
namespace {

template <typename T>
T reduce(ncclDataType_t type, ncclRedOp_t op, T a, T b) {
  reduce_into(type, op, &a, &b, 1);
  return a;
}

// bfloat16 has 8 significant bits: 257 and 259 lie halfway between neighbours, and go to the even.
TEST(NcclElement, Bfloat16RoundsToNearestEven) {
  const auto bf16 = [](float value) {
    return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
  };
  const auto sum = [&](float a, float b) {
    return reduce(ncclBfloat16, ncclSum, bf16(a), bf16(b));
  };
  EXPECT_EQ(sum(256, 1), bf16(256));
  EXPECT_EQ(sum(258, 1), bf16(260));
  EXPECT_EQ(sum(256, 1.5), bf16(258));
  EXPECT_EQ(sum(-258, -1), bf16(-260));
  EXPECT_EQ(sum(3.3895314e38F, 3.3895314e38F), bf16(std::numeric_limits<float>::infinity()));
  const std::uint16_t nan = sum(std::numeric_limits<float>::quiet_NaN(), 1);
  EXPECT_TRUE(std::isnan(std::bit_cast<float>(std::uint32_t{nan} << 16)));
}

// float16 has 11: the same one binary digit further.
TEST(NcclElement, Float16RoundsToNearestEven) {
  // 2048 + 1 and 2050 + 1, as IEEE binary16 codes.
  EXPECT_EQ(reduce<std::uint16_t>(ncclFloat16, ncclSum, 0x6800, 0x3c00), 0x6800);
  EXPECT_EQ(reduce<std::uint16_t>(ncclFloat16, ncclSum, 0x6801, 0x3c00), 0x6802);
}

TEST(NcclElement, IntegersWrap) {
  constexpr auto kLargest = std::numeric_limits<std::int32_t>::max();
  constexpr auto kSmallest = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ(reduce<std::int32_t>(ncclInt32, ncclSum, kLargest, 1), kSmallest);
  EXPECT_EQ(reduce<std::int8_t>(ncclInt8, ncclSum, 127, 1), -128);
  EXPECT_EQ(reduce<std::uint64_t>(ncclUint64, ncclProd, std::uint64_t{1} << 63, 2), 0u);
  EXPECT_EQ(reduce<std::int32_t>(ncclInt32, ncclProd, kLargest, 2), -2);
}

TEST(NcclElement, ExtremaRespectTheSign) {
  EXPECT_EQ(reduce<std::int8_t>(ncclInt8, ncclMax, -1, 1), 1);
  EXPECT_EQ(reduce<std::uint8_t>(ncclUint8, ncclMax, 255, 1), 255);
  EXPECT_EQ(reduce(ncclFloat64, ncclMin, -0.5, -2.0), -2.0);
}

TEST(NcclElement, AveragesDivide) {
  std::int32_t integer = -7;
  finish_average(ncclInt32, &integer, 1, 4);
  EXPECT_EQ(integer, -1);
  float real = 7;
  finish_average(ncclFloat32, &real, 1, 4);
  EXPECT_EQ(real, 1.75F);
}

TEST(NcclElement, SizesAreThoseOfTheTypes) {
  EXPECT_EQ(element_bytes(ncclFloat8e4m3), 1u);
  EXPECT_EQ(element_bytes(ncclBfloat16), 2u);
  EXPECT_EQ(element_bytes(ncclFloat64), 8u);
  EXPECT_EQ(element_bytes(ncclNumTypes), 0u);
}

}  // namespace
}  // namespace rackproof::emulator::api_nccl

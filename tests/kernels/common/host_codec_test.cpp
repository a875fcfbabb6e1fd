#include "kernels/common/host_codec.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace rackproof::kernels {
namespace {

/// binary16 by its definition: sign, 5 exponent bits with bias 15, 10 fraction bits.
double fp16_by_definition(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const int fraction = bits & 0x3FF;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(HostCodec, DecodesEveryFiniteFp16) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto image = static_cast<std::uint16_t>(bits);
    if (((bits >> 10) & 0x1F) == 0x1F) {
      EXPECT_EQ(std::isnan(fp16_to_float(image)), (bits & 0x3FF) != 0) << bits;
      EXPECT_EQ(std::isinf(fp16_to_float(image)), (bits & 0x3FF) == 0) << bits;
    } else {
      EXPECT_EQ(static_cast<double>(fp16_to_float(image)), fp16_by_definition(image)) << bits;
    }
  }
}

TEST(HostCodec, EncodingInvertsDecoding) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto image = static_cast<std::uint16_t>(bits);
    const float half = fp16_to_float(image);
    const float brain = bf16_to_float(image);
    if (!std::isnan(half)) {
      EXPECT_EQ(float_to_fp16(half), image) << bits;
    }
    if (!std::isnan(brain)) {
      EXPECT_EQ(float_to_bf16(brain), image) << bits;
    }
  }
}

TEST(HostCodec, RoundsHalfwayCasesToEven) {
  // bf16 steps by 2^-7 at 1, fp16 by 2^-10.
  EXPECT_EQ(bf16_to_float(float_to_bf16(1.0F + 0x1p-8F)), 1.0F);
  EXPECT_EQ(bf16_to_float(float_to_bf16(1.0F + 0x3p-8F)), 1.0F + 0x2p-7F);
  EXPECT_EQ(bf16_to_float(float_to_bf16(1.0F + 0x1.01p-8F)), 1.0F + 0x1p-7F);
  EXPECT_EQ(fp16_to_float(float_to_fp16(1.0F + 0x1p-11F)), 1.0F);
  EXPECT_EQ(fp16_to_float(float_to_fp16(1.0F + 0x3p-11F)), 1.0F + 0x2p-10F);
  EXPECT_EQ(fp16_to_float(float_to_fp16(0x1p-25F)), 0.0F);
  EXPECT_EQ(fp16_to_float(float_to_fp16(0x1.8p-24F)), 0x1p-23F);
}

TEST(HostCodec, KeepsInfinityAndNan) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(fp16_to_float(float_to_fp16(infinity)), infinity);
  EXPECT_EQ(fp16_to_float(float_to_fp16(65519.0F)), 65504.0F);
  EXPECT_EQ(fp16_to_float(float_to_fp16(65520.0F)), infinity);
  EXPECT_EQ(bf16_to_float(float_to_bf16(-infinity)), -infinity);
  EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(std::nanf("")))));
  EXPECT_TRUE(std::isnan(fp16_to_float(float_to_fp16(std::nanf("")))));
}

TEST(HostCodec, DecodesArraysOfEachType) {
  const std::array values{0.0F, -1.5F, 0.25F};
  for (const ElementType type : {ElementType::bf16, ElementType::fp16, ElementType::fp32}) {
    std::array<std::byte, 16> raw{};
    encode(type, values, raw.data());
    std::array<float, 3> back{};
    decode(type, raw.data(), back);
    EXPECT_EQ(back, values) << to_string(type);
    EXPECT_EQ(decode_one(type, raw.data(), 1), -1.5F) << to_string(type);
  }
}

}  // namespace
}  // namespace rackproof::kernels

#include "kernels/common/host_codec.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>

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

/// fp8 by the OCP specification: sign, exponent with its bias, fraction.
double fp8_by_definition(std::uint8_t bits, int fraction_bits, int bias) {
  const int exponent = (bits & 0x7F) >> fraction_bits;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, 1 - bias - fraction_bits)
                    : std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

TEST(HostCodec, DecodesEveryFp8AndEncodesItBack) {
  for (std::uint32_t code = 0; code < 0x100; ++code) {
    const auto bits = static_cast<std::uint8_t>(code);
    const float e4m3 = fp8_e4m3_to_float(bits);
    const float e5m2 = fp8_e5m2_to_float(bits);
    EXPECT_EQ(std::isnan(e4m3), (code & 0x7F) == 0x7F) << code;
    EXPECT_EQ(std::isfinite(e5m2), (code & 0x7F) < 0x7C) << code;
    std::uint8_t image = 0;
    if (!std::isnan(e4m3)) {
      EXPECT_EQ(static_cast<double>(e4m3), fp8_by_definition(bits, 3, 7)) << code;
      encode(ElementType::fp8_e4m3, std::span<const float>(&e4m3, 1), &image);
      EXPECT_EQ(image, bits);
    }
    if (std::isfinite(e5m2)) {
      EXPECT_EQ(static_cast<double>(e5m2), fp8_by_definition(bits, 2, 15)) << code;
      encode(ElementType::fp8_e5m2, std::span<const float>(&e5m2, 1), &image);
      EXPECT_EQ(image, bits);
    }
  }
}

TEST(HostCodec, RoundsFp8AndTf32ToNearestEven) {
  const auto rounded = [](ElementType type, double value) {
    std::uint32_t image = 0;
    encode(type, std::span<const double>(&value, 1), &image);
    decode(type, &image, std::span<double>(&value, 1));
    return value;
  };
  // e4m3 steps by 2^-3 at 1, e5m2 by 2^-2, tf32 by 2^-10.
  EXPECT_EQ(rounded(ElementType::fp8_e4m3, 1 + 0x1p-4), 1);
  EXPECT_EQ(rounded(ElementType::fp8_e4m3, 1 + 0x3p-4), 1 + 0x2p-3);
  EXPECT_EQ(rounded(ElementType::fp8_e4m3, 1000), 448);
  EXPECT_EQ(rounded(ElementType::fp8_e5m2, -(1 + 0x1.1p-3)), -(1 + 0x1p-2));
  EXPECT_EQ(rounded(ElementType::fp8_e5m2, 1e9), 57344);
  EXPECT_EQ(rounded(ElementType::tf32, 1 + 0x1p-11), 1);
  EXPECT_EQ(rounded(ElementType::tf32, 1 + 0x3p-11), 1 + 0x2p-10);
}

/// The tensor cores read 10 fraction bits of a tf32, and so does the reference.
TEST(HostCodec, IgnoresTheLowBitsOfTf32) {
  const float value = 1.0F + 0x1p-10F + 0x1p-12F;
  EXPECT_EQ(decode_one(ElementType::tf32, &value, 0), 1.0F + 0x1p-10F);
}

TEST(HostCodec, Fp32HoldsNeitherFp64NorInt32) {
  const std::array<double, 1> image{1};
  std::array<float, 1> values{};
  EXPECT_THROW(decode(ElementType::fp64, image.data(), values), std::invalid_argument);
  EXPECT_THROW(decode(ElementType::int32, image.data(), values), std::invalid_argument);
}

TEST(HostCodec, DecodesArraysOfEachType) {
  const std::array values{0.0F, -1.5F, 0.25F};
  for (const ElementType type : {ElementType::bf16, ElementType::fp16, ElementType::fp32,
                                 ElementType::tf32, ElementType::fp8_e4m3, ElementType::fp8_e5m2}) {
    std::array<std::byte, 16> raw{};
    encode(type, values, raw.data());
    std::array<float, 3> back{};
    decode(type, raw.data(), back);
    EXPECT_EQ(back, values) << to_string(type);
    EXPECT_EQ(decode_one(type, raw.data(), 1), -1.5F) << to_string(type);
  }
  const std::array integers{-128.0, 127.0, 3.0};
  for (const ElementType type : {ElementType::int8, ElementType::int32, ElementType::fp64}) {
    std::array<std::byte, 24> raw{};
    encode(type, integers, raw.data());
    std::array<double, 3> back{};
    decode(type, raw.data(), back);
    EXPECT_EQ(back, integers) << to_string(type);
  }
}

}  // namespace
}  // namespace rackproof::kernels

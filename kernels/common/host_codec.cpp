#include "kernels/common/host_codec.hpp"

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

namespace rackproof::kernels {
namespace {

constexpr std::uint32_t kFloatExponentMask = 0x7F80'0000;
constexpr std::uint32_t kFloatMantissaMask = 0x007F'FFFF;

bool is_nan_bits(std::uint32_t bits) {
  return (bits & kFloatExponentMask) == kFloatExponentMask && (bits & kFloatMantissaMask) != 0;
}

template <typename T>
T load(const void* elements, std::size_t index) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(elements) + index * sizeof(T), sizeof(T));
  return value;
}

/// Reads `values.size()` elements of type T, each through `to_number`.
template <typename T, typename Number, typename Convert>
void decode_each(const void* elements, std::span<Number> values, Convert to_number) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<Number>(to_number(load<T>(elements, i)));
  }
}

template <typename T>
void store(void* elements, std::size_t index, T value) {
  std::memcpy(static_cast<std::byte*>(elements) + index * sizeof(T), &value, sizeof(T));
}

}  // namespace

float fp16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  constexpr std::uint32_t kBiasDifference = 127 - 15;
  const std::uint32_t wide_exponent = exponent == 0x1F ? 0xFF : exponent + kBiasDifference;
  return std::bit_cast<float>(sign | (wide_exponent << 23) | (mantissa << 13));
}

std::uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (is_nan_bits(bits)) {
    return static_cast<std::uint16_t>((bits >> 16) | 0x0040U);
  }
  const std::uint32_t round_to_even = 0x7FFFU + ((bits >> 16) & 1U);
  return static_cast<std::uint16_t>((bits + round_to_even) >> 16);
}

std::uint16_t float_to_fp16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  if (is_nan_bits(bits)) {
    return static_cast<std::uint16_t>(sign | 0x7E00U);
  }
  const float magnitude = std::fabs(value);
  constexpr float kOverflow = 65520.0F;  // halfway between the largest fp16 and the next step
  if (magnitude >= kOverflow) {
    return static_cast<std::uint16_t>(sign | 0x7C00U);
  }
  constexpr float kSmallestNormal = 0x1p-14F;
  if (magnitude < kSmallestNormal) {
    // A step of 2^-24; nearbyint rounds to even, and a carry into the normal range is correct.
    return static_cast<std::uint16_t>(
        sign | static_cast<std::uint16_t>(std::nearbyint(magnitude * 0x1p24F)));
  }
  const std::uint32_t magnitude_bits = bits & 0x7FFF'FFFFU;
  const std::uint32_t rounded = magnitude_bits + 0x0FFFU + ((magnitude_bits >> 13) & 1U);
  constexpr std::uint32_t kBiasDifference = (127U - 15U) << 23;
  return static_cast<std::uint16_t>(sign | ((rounded - kBiasDifference) >> 13));
}

float fp8_e4m3_to_float(std::uint8_t bits) {
  const std::uint32_t magnitude = bits & 0x7FU;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x80U) << 24;
  if (magnitude == 0x7F) {
    return std::bit_cast<float>(sign | 0x7FC0'0000U);
  }
  constexpr std::uint32_t kFractionBits = 3;
  constexpr std::uint32_t kBiasDifference = 127 - 7;
  if (magnitude < 1U << kFractionBits) {
    const float subnormal = static_cast<float>(magnitude) * 0x1p-9F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(subnormal));
  }
  return std::bit_cast<float>(
      sign | ((magnitude + (kBiasDifference << kFractionBits)) << (23 - kFractionBits)));
}

float fp8_e5m2_to_float(std::uint8_t bits) {
  return fp16_to_float(static_cast<std::uint16_t>(bits << 8));
}

namespace {

/// The code whose value is nearest, ties to the even code: codes of one sign are ordered like
/// their values.
template <float (*ToFloat)(std::uint8_t)>
std::uint8_t nearest_fp8(double value, std::uint8_t largest) {
  const auto sign = static_cast<std::uint8_t>(std::signbit(value) ? 0x80 : 0);
  const double magnitude = std::fabs(value);
  if (std::isnan(value)) {
    return static_cast<std::uint8_t>(sign | 0x7FU);
  }
  std::uint8_t low = 0;
  while (low < largest &&
         static_cast<double>(ToFloat(static_cast<std::uint8_t>(low + 1))) <= magnitude) {
    ++low;
  }
  if (low < largest) {
    const double below = magnitude - static_cast<double>(ToFloat(low));
    const double above =
        static_cast<double>(ToFloat(static_cast<std::uint8_t>(low + 1))) - magnitude;
    low = static_cast<std::uint8_t>(low + (above < below || (above == below && low % 2 == 1)));
  }
  return static_cast<std::uint8_t>(sign | low);
}

/// fp32 with the low 13 bits rounded away to nearest even.
float nearest_tf32(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isfinite(value)) {
    bits += 0x0FFFU + ((bits >> 13) & 1U);
  }
  return std::bit_cast<float>(bits & ~0x1FFFU);
}

template <typename Number>
void decode_as(ElementType type, const void* elements, std::span<Number> values) {
  // One loop a type: large outputs are decoded element by element when they are verified.
  switch (type) {
    case ElementType::bf16:
      return decode_each<std::uint16_t>(elements, values, bf16_to_float);
    case ElementType::fp16:
      return decode_each<std::uint16_t>(elements, values, fp16_to_float);
    case ElementType::fp32:
      return decode_each<float>(elements, values, [](float value) { return value; });
    case ElementType::tf32:
      return decode_each<std::uint32_t>(elements, values, [](std::uint32_t bits) {
        return std::bit_cast<float>(bits & ~0x1FFFU);
      });
    case ElementType::fp8_e4m3:
      return decode_each<std::uint8_t>(elements, values, fp8_e4m3_to_float);
    case ElementType::fp8_e5m2:
      return decode_each<std::uint8_t>(elements, values, fp8_e5m2_to_float);
    case ElementType::int8:
      return decode_each<std::int8_t>(elements, values, [](std::int8_t value) { return value; });
    case ElementType::fp64:
      return decode_each<double>(elements, values, [](double value) { return value; });
    case ElementType::int32:
      return decode_each<std::int32_t>(elements, values, [](std::int32_t value) { return value; });
    case ElementType::mxfp8:
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      throw std::invalid_argument(std::string(to_string(type)) + " is decoded with its scales");
  }
}

template <typename Number>
void encode_as(ElementType type, std::span<const Number> values, void* elements) {
  constexpr std::uint8_t kLargestE4m3 = 0x7E;
  constexpr std::uint8_t kLargestE5m2 = 0x7B;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<double>(values[i]);
    switch (type) {
      case ElementType::bf16:
        store(elements, i, float_to_bf16(static_cast<float>(value)));
        break;
      case ElementType::fp16:
        store(elements, i, float_to_fp16(static_cast<float>(value)));
        break;
      case ElementType::fp32:
        store(elements, i, static_cast<float>(value));
        break;
      case ElementType::tf32:
        store(elements, i, nearest_tf32(static_cast<float>(value)));
        break;
      case ElementType::fp8_e4m3:
        store(elements, i, nearest_fp8<fp8_e4m3_to_float>(value, kLargestE4m3));
        break;
      case ElementType::fp8_e5m2:
        store(elements, i, nearest_fp8<fp8_e5m2_to_float>(value, kLargestE5m2));
        break;
      case ElementType::int8:
        store(elements, i, static_cast<std::int8_t>(std::nearbyint(value)));
        break;
      case ElementType::fp64:
        store(elements, i, value);
        break;
      case ElementType::int32:
        store(elements, i, static_cast<std::int32_t>(std::nearbyint(value)));
        break;
      case ElementType::mxfp8:
      case ElementType::mxfp4:
      case ElementType::nvfp4:
        throw std::invalid_argument(std::string(to_string(type)) + " is encoded with its scales");
    }
  }
}

}  // namespace

void decode(ElementType type, const void* elements, std::span<double> values) {
  decode_as(type, elements, values);
}

void decode(ElementType type, const void* elements, std::span<float> values) {
  if (type == ElementType::fp64 || type == ElementType::int32) {
    throw std::invalid_argument("fp32 does not hold " + std::string(to_string(type)));
  }
  decode_as(type, elements, values);
}

void encode(ElementType type, std::span<const double> values, void* elements) {
  encode_as(type, values, elements);
}

void encode(ElementType type, std::span<const float> values, void* elements) {
  encode_as(type, values, elements);
}

float decode_one(ElementType type, const void* elements, std::size_t index) {
  float value = 0;
  decode(type, static_cast<const std::byte*>(elements) + index * element_bytes(type),
         std::span(&value, 1));
  return value;
}

}  // namespace rackproof::kernels

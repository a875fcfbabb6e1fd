#include "kernels/common/host_codec.hpp"

#include <cmath>
#include <cstring>

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

float decode_one(ElementType type, const void* elements, std::size_t index) {
  switch (type) {
    case ElementType::bf16:
      return bf16_to_float(load<std::uint16_t>(elements, index));
    case ElementType::fp16:
      return fp16_to_float(load<std::uint16_t>(elements, index));
    case ElementType::fp32:
      break;
  }
  return load<float>(elements, index);
}

void decode(ElementType type, const void* elements, std::span<float> values) {
  // One loop a type: large outputs are decoded element by element when they are verified.
  switch (type) {
    case ElementType::bf16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = bf16_to_float(load<std::uint16_t>(elements, i));
      }
      return;
    case ElementType::fp16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = fp16_to_float(load<std::uint16_t>(elements, i));
      }
      return;
    case ElementType::fp32:
      std::memcpy(values.data(), elements, values.size_bytes());
      return;
  }
}

void encode(ElementType type, std::span<const float> values, void* elements) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (type) {
      case ElementType::bf16:
        store(elements, i, float_to_bf16(values[i]));
        break;
      case ElementType::fp16:
        store(elements, i, float_to_fp16(values[i]));
        break;
      case ElementType::fp32:
        store(elements, i, values[i]);
        break;
    }
  }
}

}  // namespace rackproof::kernels

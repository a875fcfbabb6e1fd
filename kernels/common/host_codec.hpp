#pragma once
/// bf16, fp16 and fp32 memory images as host numbers, without CUDA headers: references and
/// verifiers read device data through these and share no code with the kernels.

#include "kernels/common/element_type.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rackproof::kernels {

/// bf16 is the upper half of an IEEE binary32.
[[nodiscard]] constexpr float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
/// IEEE 754 binary16, subnormals, infinities and NaNs included.
[[nodiscard]] float fp16_to_float(std::uint16_t bits);

/// Rounds to nearest even; overflow gives infinity; NaN stays NaN.
[[nodiscard]] std::uint16_t float_to_bf16(float value);
[[nodiscard]] std::uint16_t float_to_fp16(float value);

/// Decodes `values.size()` consecutive elements that start at `elements` (any alignment).
void decode(ElementType type, const void* elements, std::span<float> values);
/// Encodes with rounding to nearest even.
void encode(ElementType type, std::span<const float> values, void* elements);
/// One element of an array.
[[nodiscard]] float decode_one(ElementType type, const void* elements, std::size_t index);

}  // namespace rackproof::kernels

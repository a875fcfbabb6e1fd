#pragma once
/// Memory images of the element types as host numbers, without CUDA headers: references and
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
/// OCP 8-bit Floating Point Specification 1.0: 4 exponent bits with bias 7, 3 fraction bits; the
/// magnitude 0x7f is NaN and there is no infinity.
[[nodiscard]] float fp8_e4m3_to_float(std::uint8_t bits);
/// Same source: 5 exponent and 2 fraction bits, the upper byte of a binary16.
[[nodiscard]] float fp8_e5m2_to_float(std::uint8_t bits);

/// Rounds to nearest even; overflow gives infinity; NaN stays NaN.
[[nodiscard]] std::uint16_t float_to_bf16(float value);
[[nodiscard]] std::uint16_t float_to_fp16(float value);

/// Decodes `values.size()` consecutive elements that start at `elements` (any alignment), exactly.
void decode(ElementType type, const void* elements, std::span<double> values);
/// The same in fp32; std::invalid_argument for fp64 and int32, which it does not hold exactly.
void decode(ElementType type, const void* elements, std::span<float> values);
/// Encodes with rounding to nearest even; fp8 beyond its largest value becomes that value, an
/// integer's value must be in its range.
void encode(ElementType type, std::span<const double> values, void* elements);
void encode(ElementType type, std::span<const float> values, void* elements);
/// One element of an array, as the fp32 decode() gives it.
[[nodiscard]] float decode_one(ElementType type, const void* elements, std::size_t index);

}  // namespace rackproof::kernels

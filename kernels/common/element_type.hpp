#pragma once
/// Element types of operands and results, their names, sizes and rounding.

#include <cstdint>
#include <string_view>

namespace rackproof::kernels {

enum class ElementType : std::uint8_t {
  bf16,
  fp16,
  fp32,
  tf32,  ///< fp32 in memory with 10 fraction bits; the low 13 bits carry nothing
  fp64,
  fp8_e4m3,  ///< no infinity, largest value 448 (OCP 8-bit Floating Point Specification 1.0)
  fp8_e5m2,  ///< the upper byte of an fp16 (same source)
  int8,
  int32,
  mxfp8,  ///< e4m3 times a power of two for each 32 of a row (block_scale.hpp)
  mxfp4,  ///< e2m1 times a power of two for each 32 of a row (block_scale.hpp)
  nvfp4,  ///< e2m1 times an e4m3 scale for each 16 of a row (block_scale.hpp)
};

/// "bf16", "fp16", "fp8_e4m3": as in suites and in names of problems.
[[nodiscard]] std::string_view to_string(ElementType type);
/// Throws ParamError on `key` for an unknown name, listing the known ones.
[[nodiscard]] ElementType element_type_from(std::string_view key, std::string_view name);
/// Without scales.
[[nodiscard]] std::uint32_t element_bits(ElementType type);
/// Throws std::invalid_argument for mxfp4 and nvfp4, whose elements are half a byte.
[[nodiscard]] std::uint32_t element_bytes(ElementType type);
[[nodiscard]] bool is_integer(ElementType type);

/// Largest relative error of rounding to nearest: 2^-p with p significand bits, the hidden one
/// included (bf16 8, fp16 11, fp32 24); 0 for integers.
[[nodiscard]] double unit_roundoff(ElementType type);
/// Half the distance between subnormal numbers: the absolute error of rounding near zero; 0 for
/// integers.
[[nodiscard]] double subnormal_roundoff(ElementType type);

}  // namespace rackproof::kernels

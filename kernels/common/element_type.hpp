#pragma once
/// Element types of operands and results, their names, sizes and rounding.

#include <cstdint>
#include <string_view>

namespace rackproof::kernels {

enum class ElementType : std::uint8_t { bf16, fp16, fp32 };

/// "bf16", "fp16", "fp32": as in suites, names and the peak table of configs/racks/*.json.
[[nodiscard]] std::string_view to_string(ElementType type);
/// Throws ParamError on `key` for an unknown name, listing the known ones.
[[nodiscard]] ElementType element_type_from(std::string_view key, std::string_view name);
[[nodiscard]] std::uint32_t element_bytes(ElementType type);

/// Largest relative error of rounding to nearest: 2^-p with p significand bits, the hidden one
/// included (bf16 8, fp16 11, fp32 24).
[[nodiscard]] double unit_roundoff(ElementType type);
/// Half the distance between subnormal numbers: the absolute error of rounding near zero.
[[nodiscard]] double subnormal_roundoff(ElementType type);

}  // namespace rackproof::kernels

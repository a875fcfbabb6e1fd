#include "kernels/common/element_type.hpp"

#include "kernels/params.hpp"

#include <array>
#include <cmath>
#include <stdexcept>
#include <string>

namespace rackproof::kernels {
namespace {

struct TypeFacts {
  ElementType type;
  std::string_view name;
  std::uint32_t bits;
  int significand_bits;          ///< the hidden one included; 0: an integer
  int smallest_normal_exponent;  ///< of the smallest normal number 2^e
};

constexpr std::array kTypes{
    TypeFacts{ElementType::bf16, "bf16", 16, 8, -126},
    TypeFacts{ElementType::fp16, "fp16", 16, 11, -14},
    TypeFacts{ElementType::fp32, "fp32", 32, 24, -126},
    TypeFacts{ElementType::tf32, "tf32", 32, 11, -126},
    TypeFacts{ElementType::fp64, "fp64", 64, 53, -1022},
    TypeFacts{ElementType::fp8_e4m3, "fp8_e4m3", 8, 4, -6},
    TypeFacts{ElementType::fp8_e5m2, "fp8_e5m2", 8, 3, -14},
    TypeFacts{ElementType::int8, "int8", 8, 0, 0},
    TypeFacts{ElementType::int32, "int32", 32, 0, 0},
    TypeFacts{ElementType::mxfp8, "mxfp8", 8, 4, -6},
    TypeFacts{ElementType::mxfp4, "mxfp4", 4, 2, 0},
    TypeFacts{ElementType::nvfp4, "nvfp4", 4, 2, 0},
};

const TypeFacts& facts(ElementType type) {
  return kTypes.at(static_cast<std::size_t>(type));
}

}  // namespace

std::string_view to_string(ElementType type) {
  return facts(type).name;
}

ElementType element_type_from(std::string_view key, std::string_view name) {
  std::string known;
  for (const TypeFacts& candidate : kTypes) {
    if (candidate.name == name) {
      return candidate.type;
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  throw ParamError(std::string(key), "unknown type '" + std::string(name) + "'; known: " + known);
}

std::uint32_t element_bits(ElementType type) {
  return facts(type).bits;
}

std::uint32_t element_bytes(ElementType type) {
  constexpr std::uint32_t kBitsPerByte = 8;
  if (facts(type).bits % kBitsPerByte != 0) {
    throw std::invalid_argument("elements of " + std::string(facts(type).name) +
                                " are no whole bytes");
  }
  return facts(type).bits / kBitsPerByte;
}

bool is_integer(ElementType type) {
  return facts(type).significand_bits == 0;
}

double unit_roundoff(ElementType type) {
  return is_integer(type) ? 0 : std::ldexp(1.0, -facts(type).significand_bits);
}

double subnormal_roundoff(ElementType type) {
  return is_integer(type)
             ? 0
             : std::ldexp(1.0, facts(type).smallest_normal_exponent - facts(type).significand_bits);
}

}  // namespace rackproof::kernels

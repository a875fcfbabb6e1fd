#include "kernels/common/element_type.hpp"

#include "kernels/params.hpp"

#include <array>
#include <cmath>
#include <string>

namespace rackproof::kernels {
namespace {

struct TypeFacts {
  ElementType type;
  std::string_view name;
  std::uint32_t bytes;
  int significand_bits;          ///< the hidden one included; 0: an integer
  int smallest_normal_exponent;  ///< of the smallest normal number 2^e
};

constexpr std::array kTypes{
    TypeFacts{ElementType::bf16, "bf16", 2, 8, -126},
    TypeFacts{ElementType::fp16, "fp16", 2, 11, -14},
    TypeFacts{ElementType::fp32, "fp32", 4, 24, -126},
    TypeFacts{ElementType::tf32, "tf32", 4, 11, -126},
    TypeFacts{ElementType::fp64, "fp64", 8, 53, -1022},
    TypeFacts{ElementType::fp8_e4m3, "fp8_e4m3", 1, 4, -6},
    TypeFacts{ElementType::fp8_e5m2, "fp8_e5m2", 1, 3, -14},
    TypeFacts{ElementType::int8, "int8", 1, 0, 0},
    TypeFacts{ElementType::int32, "int32", 4, 0, 0},
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

std::uint32_t element_bytes(ElementType type) {
  return facts(type).bytes;
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

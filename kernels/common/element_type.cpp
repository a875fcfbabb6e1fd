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
  int significand_bits;          ///< the hidden one included
  int smallest_normal_exponent;  ///< of the smallest normal number 2^e
};

constexpr std::array kTypes{
    TypeFacts{ElementType::bf16, "bf16", 2, 8, -126},
    TypeFacts{ElementType::fp16, "fp16", 2, 11, -14},
    TypeFacts{ElementType::fp32, "fp32", 4, 24, -126},
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

double unit_roundoff(ElementType type) {
  return std::ldexp(1.0, -facts(type).significand_bits);
}

double subnormal_roundoff(ElementType type) {
  return std::ldexp(1.0, facts(type).smallest_normal_exponent - facts(type).significand_bits);
}

}  // namespace rackproof::kernels

#pragma once
/// Every GEMM kernel by itself, whatever size it would be chosen for, as a parameter of tests.

#include "kernels/gemm/gemm_workload.hpp"
#include "tests/kernels/support/print.hpp"

#include <array>
#include <ostream>
#include <string>
#include <vector>

namespace rackproof::kernels::gemm {

inline std::string describe(const Verification& result) {
  std::string text = std::to_string(result.wrong_elements) + " wrong of " +
                     std::to_string(result.total_elements) + ", max_error " +
                     std::to_string(result.max_error);
  if (result.first_wrong) {
    text += ", first at " + result.first_wrong->coordinate + ": expected " +
            std::to_string(result.first_wrong->expected) + ", found " +
            std::to_string(result.first_wrong->actual);
  }
  return text;
}

struct NamedKernel {
  ElementType type;
  GemmKernel kernel;
};

inline void PrintTo(const NamedKernel& named, std::ostream* stream) {
  *stream << named.kernel.name;
}

inline constexpr std::array kTypes{ElementType::bf16,     ElementType::fp16,    ElementType::fp32,
                                   ElementType::tf32,     ElementType::fp64,    ElementType::int8,
                                   ElementType::fp8_e4m3, ElementType::fp8_e5m2};

inline std::vector<NamedKernel> all_kernels() {
  std::vector<NamedKernel> kernels;
  for (const ElementType type : kTypes) {
    for (const auto& set : {sm80_kernels(type), sm89_kernels(type)}) {
      for (const GemmKernel& kernel : set) {
        kernels.push_back({type, kernel});
      }
    }
  }
  return kernels;
}

}  // namespace rackproof::kernels::gemm

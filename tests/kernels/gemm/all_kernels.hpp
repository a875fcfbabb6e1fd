#pragma once
/// Every GEMM kernel by itself, whatever size it would be chosen for, as a parameter of tests.

#include "kernels/gemm/gemm_workload.hpp"
#include "tests/kernels/support/print.hpp"

#include <array>
#include <ostream>
#include <string>
#include <vector>

namespace rackproof::kernels::gemm {

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
    for (const GemmKernel& kernel : all_kernels(type)) {
      kernels.push_back({type, kernel});
    }
  }
  return kernels;
}

}  // namespace rackproof::kernels::gemm

#include "kernels/gemm/sm100/sm100_kernels.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/gemm/sm100/sm100_config.hpp"
#include "kernels/gemm/sm100/sm100_launch.hpp"

#include <array>
#include <deque>
#include <map>
#include <string>

namespace rackproof::kernels::gemm::sm100 {

namespace {

constexpr std::array kTypes{ElementType::bf16,     ElementType::fp16,     ElementType::tf32,
                            ElementType::fp8_e4m3, ElementType::fp8_e5m2, ElementType::mxfp8,
                            ElementType::mxfp4,    ElementType::nvfp4};

using KernelsByType = std::map<ElementType, std::vector<GemmKernel>>;

KernelsByType with_fixed_shares(std::span<const GemmKernel> (*stealing)(ElementType)) {
  KernelsByType all;
  for (const ElementType each : kTypes) {
    for (GemmKernel kernel : stealing(each)) {
      kernel.grid_of_tiles = false;
      kernel.launch = &launch_static;
      all[each].push_back(kernel);
    }
  }
  return all;
}

std::span<const GemmKernel> of_type(const KernelsByType& all, ElementType type) {
  const auto found = all.find(type);
  return found == all.end() ? std::span<const GemmKernel>{} : found->second;
}

}  // namespace

std::span<const GemmKernel> kernels(ElementType type) {
  return scale_interval(type) == 0 ? dense_kernels(type) : scaled_kernels(type);
}

std::span<const GemmKernel> multicast_kernels(ElementType type) {
  return scale_interval(type) == 0 ? dense_multicast_kernels(type) : scaled_multicast_kernels(type);
}

std::span<const GemmKernel> swapped_kernels(ElementType type) {
  struct Kernels {
    std::deque<std::string> names;
    std::vector<GemmKernel> widths;
  };
  static const auto kAll = [] {
    std::map<ElementType, Kernels> all;
    for (const ElementType each : kTypes) {
      const std::optional<GemmKernel> widest = swapped_kernel(each);
      if (!widest) {
        continue;
      }
      Kernels& kernels = all[each];
      for (int rows = widest->tile_m; rows >= kSwappedColumns; rows /= 2) {
        GemmKernel kernel = *widest;
        kernel.name = kernels.names.emplace_back(
            std::string(widest->name) + "_" + std::to_string(rows) + "x" +
            std::to_string(kernel.tile_n) + "x" + std::to_string(kernel.tile_k));
        kernel.tile_m = rows;
        kernel.most_rows = rows == widest->tile_m ? 0 : rows;
        kernels.widths.push_back(kernel);
      }
    }
    return all;
  }();
  const auto found = kAll.find(type);
  return found == kAll.end() ? std::span<const GemmKernel>{} : found->second.widths;
}

std::span<const GemmKernel> static_kernels(ElementType type) {
  static const KernelsByType kAll = with_fixed_shares(&kernels);
  return of_type(kAll, type);
}

std::span<const GemmKernel> static_wide_kernels(ElementType type) {
  static const KernelsByType kAll = with_fixed_shares(&wide_kernels);
  return of_type(kAll, type);
}

}  // namespace rackproof::kernels::gemm::sm100

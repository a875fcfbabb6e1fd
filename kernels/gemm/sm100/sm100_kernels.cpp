#include "kernels/gemm/sm100/sm100_kernels.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/gemm/sm100/sm100_launch.hpp"

#include <map>

namespace rackproof::kernels::gemm::sm100 {

std::span<const GemmKernel> kernels(ElementType type) {
  return scale_interval(type) == 0 ? dense_kernels(type) : scaled_kernels(type);
}

std::span<const GemmKernel> static_kernels(ElementType type) {
  static const auto kAll = [] {
    std::map<ElementType, std::vector<GemmKernel>> all;
    for (const ElementType each :
         {ElementType::bf16, ElementType::fp16, ElementType::tf32, ElementType::fp8_e4m3,
          ElementType::fp8_e5m2, ElementType::mxfp8, ElementType::nvfp4}) {
      for (GemmKernel kernel : kernels(each)) {
        kernel.grid_of_tiles = false;
        kernel.launch = &launch_static;
        all[each].push_back(kernel);
      }
    }
    return all;
  }();
  const auto found = kAll.find(type);
  return found == kAll.end() ? std::span<const GemmKernel>{} : found->second;
}

}  // namespace rackproof::kernels::gemm::sm100

#pragma once
/// What the host side of every attention kernel does with a kernel template: choose the instance,
/// ask for its shared memory, report its resources.

#include "kernels/common/element_type.hpp"
#include "kernels/operation.hpp"
#include "runtime/error.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <string>

namespace rackproof::kernels::attention {

/// The instances of a kernel template for each element type and head_dim.
template <typename Kernel>
struct KernelTable {
  Kernel bf16_64;
  Kernel bf16_128;
  Kernel fp16_64;
  Kernel fp16_128;

  [[nodiscard]] Kernel of(ElementType type, std::int64_t head_dim) const {
    if (type == ElementType::bf16) {
      return head_dim == 64 ? bf16_64 : bf16_128;
    }
    return head_dim == 64 ? fp16_64 : fp16_128;
  }
};

/// Asks for dynamic shared memory on the current device; launches need it once before.
template <typename Kernel>
void allow_shared_bytes(Kernel kernel, int shared_bytes) {
  RACKPROOF_CUDA(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes));
}

struct LaunchSize {
  std::int64_t blocks = 0;
  int threads = 0;
  int shared_bytes = 0;  ///< dynamic
};

template <typename Kernel>
[[nodiscard]] KernelResources resources_of(Kernel kernel, std::string name,
                                           const LaunchSize& size) {
  cudaFuncAttributes attributes{};
  RACKPROOF_CUDA(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(kernel)));
  return {
      .kernel = std::move(name),
      .registers_per_thread = attributes.numRegs,
      .spill_bytes_per_thread = static_cast<int>(attributes.localSizeBytes),
      .shared_bytes_per_block = static_cast<int>(attributes.sharedSizeBytes) + size.shared_bytes,
      .threads_per_block = size.threads,
      .blocks = size.blocks,
  };
}

/// "attention_forward_sm80<64, bf16>"
[[nodiscard]] inline std::string instance_name(const char* kernel, ElementType type,
                                               std::int64_t head_dim) {
  return std::string(kernel) + "<" + std::to_string(head_dim) + ", " +
         std::string(to_string(type)) + ">";
}

}  // namespace rackproof::kernels::attention

#pragma once
/// Address-space conversion. PTX ISA 9.0, 9.7.9 "Data Movement and Conversion
/// Instructions": cvta.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// The shared-window address that ldmatrix, cp.async and ld/st.shared take.
__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

}  // namespace rackproof::kernels::ptx

#pragma once
/// 16 bytes of elements as one register quadruple: the widest access of one thread on sm_80.

#include <cuda_runtime_api.h>

namespace rackproof::kernels {

inline constexpr int kVectorBytes = 16;

/// Elements of type T in one 16-byte access.
template <typename T>
inline constexpr int kVectorElements = kVectorBytes / static_cast<int>(sizeof(T));

template <typename T>
struct alignas(kVectorBytes) Vector16 {
  static_assert(kVectorBytes % sizeof(T) == 0, "elements must fill the 16 bytes exactly");
  T elements[kVectorBytes / sizeof(T)];

  __host__ __device__ T& operator[](int i) { return elements[i]; }
  __host__ __device__ const T& operator[](int i) const { return elements[i]; }
};

}  // namespace rackproof::kernels

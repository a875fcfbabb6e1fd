#include "kernels/common/convert.cuh"
#include "kernels/common/random_fill.hpp"
#include "runtime/error.hpp"

#include <algorithm>

namespace rackproof::kernels {
namespace {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
/// generators", OOPSLA).
__device__ std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

template <typename T>
__global__ void fill_uniform_kernel(T* elements, std::size_t count, std::uint64_t seed) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    const std::uint64_t bits = mix64(seed + i * 0x9E3779B97F4A7C15ULL);
    const auto uniform24 = static_cast<float>(bits >> 40);
    elements[i] = from_float_rz<T>(uniform24 * 0x1p-23F - 1.0F);
  }
}

template <typename T>
void fill(void* elements, std::size_t count, std::uint64_t seed, cudaStream_t stream) {
  constexpr unsigned kThreads = 256;
  constexpr std::size_t kMaxBlocks = 4096;
  const std::size_t blocks = std::min((count + kThreads - 1) / kThreads, kMaxBlocks);
  fill_uniform_kernel<T><<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(
      static_cast<T*>(elements), count, seed);
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace

void fill_uniform(void* elements, ElementType type, std::size_t count, std::uint64_t seed,
                  cudaStream_t stream) {
  if (count == 0) {
    return;
  }
  switch (type) {
    case ElementType::bf16:
      return fill<__nv_bfloat16>(elements, count, seed, stream);
    case ElementType::fp16:
      return fill<__half>(elements, count, seed, stream);
    case ElementType::fp32:
      return fill<float>(elements, count, seed, stream);
  }
}

}  // namespace rackproof::kernels

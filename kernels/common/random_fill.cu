#include "kernels/common/convert.cuh"
#include "kernels/common/random_fill.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <stdexcept>

namespace rackproof::kernels {
namespace {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
/// generators", OOPSLA).
__device__ std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

/// fp32 and narrower: 24 random bits are as many as an fp32 in [-1, 1) has.
template <typename T>
__device__ T draw(std::uint64_t bits) {
  return from_float_rz<T>(static_cast<float>(bits >> 40) * 0x1p-23F - 1.0F);
}
template <>
__device__ double draw<double>(std::uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1p-52 - 1.0;
}
template <>
__device__ std::int8_t draw<std::int8_t>(std::uint64_t bits) {
  return static_cast<std::int8_t>(bits >> 56);
}
template <>
__device__ std::int32_t draw<std::int32_t>(std::uint64_t bits) {
  return static_cast<std::int8_t>(bits >> 56);
}

template <typename T>
__global__ void fill_uniform_kernel(T* elements, std::size_t count, std::uint64_t seed) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    elements[i] = draw<T>(mix64(seed + i * 0x9E3779B97F4A7C15ULL));
  }
}

/// Multiplies each run of neighbours by 2^-e; e takes all of 0 to 3. Exact in bf16.
__global__ void scale_runs_kernel(__nv_bfloat16* elements, std::size_t count, std::size_t run,
                                  std::uint64_t seed) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    const auto halvings = static_cast<int>(mix64(seed + i / run * 0x9E3779B97F4A7C15ULL) >> 62);
    elements[i] = __float2bfloat16_rz(ldexpf(__bfloat162float(elements[i]), -halvings));
  }
}

constexpr unsigned kThreads = 256;

unsigned blocks_of(std::size_t count) {
  constexpr std::size_t kMaxBlocks = 4096;
  return static_cast<unsigned>(std::min((count + kThreads - 1) / kThreads, kMaxBlocks));
}

template <typename T>
void fill(void* elements, std::size_t count, std::uint64_t seed, cudaStream_t stream) {
  fill_uniform_kernel<T>
      <<<blocks_of(count), kThreads, 0, stream>>>(static_cast<T*>(elements), count, seed);
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
    case ElementType::tf32:
      return fill<Tf32>(elements, count, seed, stream);
    case ElementType::fp64:
      return fill<double>(elements, count, seed, stream);
    case ElementType::fp8_e4m3:
      return fill<Fp8E4m3>(elements, count, seed, stream);
    case ElementType::fp8_e5m2:
      return fill<Fp8E5m2>(elements, count, seed, stream);
    case ElementType::int8:
      return fill<std::int8_t>(elements, count, seed, stream);
    case ElementType::int32:
      return fill<std::int32_t>(elements, count, seed, stream);
    case ElementType::mxfp8:
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      throw std::invalid_argument("block-scaled matrices are quantised from bf16 ones");
  }
}

void fill_uniform_runs(void* elements, std::size_t count, int run, std::uint64_t seed,
                       cudaStream_t stream) {
  if (count == 0) {
    return;
  }
  fill<__nv_bfloat16>(elements, count, seed, stream);
  scale_runs_kernel<<<blocks_of(count), kThreads, 0, stream>>>(
      static_cast<__nv_bfloat16*>(elements), count, static_cast<std::size_t>(run),
      derive_seed(seed, 0));
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace rackproof::kernels

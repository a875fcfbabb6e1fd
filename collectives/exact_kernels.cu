#include "collectives/exact_encoding.hpp"
#include "collectives/exact_inputs.hpp"
#include "collectives/exact_kernels.hpp"
#include "runtime/error.hpp"

#include <algorithm>

namespace rackproof::collectives::exact {
namespace {

constexpr int kThreads = 256;
/// Enough to fill any GPU several times over; longer buffers are strided.
constexpr std::uint64_t kMaxBlocks = 2048;

__device__ std::uint64_t first_index() {
  return blockIdx.x * static_cast<std::uint64_t>(kThreads) + threadIdx.x;
}
__device__ std::uint64_t stride() {
  return gridDim.x * static_cast<std::uint64_t>(kThreads);
}

template <DataType Type>
__global__ void __launch_bounds__(kThreads)
    fill_kernel(typename Encoding<Type>::Bits* buffer, std::uint64_t elements, Pattern pattern) {
  for (std::uint64_t i = first_index(); i < elements; i += stride()) {
    buffer[i] = Encoding<Type>::encode(
        contribution(Type, pattern.op, pattern.rank, pattern.ranks, pattern.first_element + i));
  }
}

template <DataType Type>
__global__ void __launch_bounds__(kThreads)
    count_wrong_kernel(const typename Encoding<Type>::Bits* buffer, std::uint64_t elements,
                       Pattern pattern, Mismatches* result) {
  std::uint64_t wrong = 0;
  std::uint64_t lowest = UINT64_MAX;
  for (std::uint64_t i = first_index(); i < elements; i += stride()) {
    const auto expected =
        Encoding<Type>::encode(reduced(Type, pattern.op, pattern.ranks, pattern.first_element + i));
    if (buffer[i] != expected) {
      ++wrong;
      lowest = lowest < i ? lowest : i;
    }
  }
  // Rare: a thread that saw nothing wrong adds nothing.
  if (wrong != 0) {
    static_assert(sizeof(unsigned long long) == sizeof(std::uint64_t));
    atomicAdd(reinterpret_cast<unsigned long long*>(&result->wrong_elements), wrong);
    atomicMin(reinterpret_cast<unsigned long long*>(&result->lowest_index), lowest);
  }
}

unsigned blocks_for(std::uint64_t elements) {
  return static_cast<unsigned>(std::min((elements + kThreads - 1) / kThreads, kMaxBlocks));
}

}  // namespace

void fill_contributions(void* buffer, std::uint64_t elements, const Pattern& pattern,
                        cudaStream_t stream) {
  with_type(pattern.type, [&]<DataType Type>() {
    fill_kernel<Type><<<blocks_for(elements), kThreads, 0, stream>>>(
        static_cast<typename Encoding<Type>::Bits*>(buffer), elements, pattern);
  });
  RACKPROOF_CUDA(cudaGetLastError());
}

void count_wrong(const void* buffer, std::uint64_t elements, const Pattern& pattern,
                 Mismatches* result, cudaStream_t stream) {
  with_type(pattern.type, [&]<DataType Type>() {
    count_wrong_kernel<Type><<<blocks_for(elements), kThreads, 0, stream>>>(
        static_cast<const typename Encoding<Type>::Bits*>(buffer), elements, pattern, result);
  });
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace rackproof::collectives::exact

#pragma once
/// Deterministic inputs: the same seed and count give the same array on every device.

#include "kernels/common/element_type.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace rackproof::kernels {

/// Enqueues a fill of `count` elements: element i is a 64-bit mix of (seed, i). Floating-point
/// types take its upper 24 bits (fp64: 53), scaled to [-1, 1) and rounded toward zero to `type`
/// (kInputDistribution); int8 and int32 its upper 8 as a number from -128 to 127.
void fill_uniform(void* elements, ElementType type, std::size_t count, std::uint64_t seed,
                  cudaStream_t stream);

/// The same in bf16, each run of `run` neighbours times one of 1, 1/2, 1/4 and 1/8, which is drawn
/// too: quantised with a scale for each run, neighbouring runs get different scales, so that a
/// product with scales of another run is wrong. (Of uniform runs alone nearly all largest elements
/// lie between 1/2 and 1: all scales that are powers of two would be the same.)
void fill_uniform_runs(void* elements, std::size_t count, int run, std::uint64_t seed,
                       cudaStream_t stream);

/// Independent seeds for the several arrays of one workload.
[[nodiscard]] constexpr std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t array) {
  return seed * 0x9E3779B97F4A7C15ULL + (array + 1) * 0xD1B54A32D192ED03ULL;
}

}  // namespace rackproof::kernels

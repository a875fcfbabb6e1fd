// Driver: how many CTAs fit, and block sizes that fill a device.

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/api/cuda/forward.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <algorithm>

using rackproof::emulator::api::forward;

namespace {

const void* symbol(CUfunction function) {
  return function;
}

}  // namespace

extern "C" {

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction function,
                                                              int threads,
                                                              std::size_t dynamic_shared_bytes,
                                                              unsigned flags) {
  return forward("cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags", [&] {
    return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, symbol(function), threads,
                                                                  dynamic_shared_bytes, flags);
  });
}
CUresult cuOccupancyAvailableDynamicSMemPerBlock(std::size_t* bytes, CUfunction function,
                                                 int blocks, int threads) {
  return forward("cuOccupancyAvailableDynamicSMemPerBlock", [&] {
    return cudaOccupancyAvailableDynamicSMemPerBlock(bytes, symbol(function), blocks, threads);
  });
}
// The block size of the highest occupancy in threads; of equal ones the largest.
CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* least_grid, int* block, CUfunction function,
                                                   CUoccupancyB2DSize shared_bytes_of,
                                                   std::size_t shared_bytes, int limit,
                                                   unsigned flags) {
  return forward("cuOccupancyMaxPotentialBlockSize", [&] {
    cudaFuncAttributes attributes{};
    if (const cudaError_t error = cudaFuncGetAttributes(&attributes, symbol(function));
        error != cudaSuccess) {
      return error;
    }
    int device = 0;
    int multiprocessors = 0;
    (void)cudaGetDevice(&device);
    (void)cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
    constexpr int kWarp = 32;
    const int most =
        limit <= 0 ? attributes.maxThreadsPerBlock : std::min(limit, attributes.maxThreadsPerBlock);
    int best_threads = 0;
    *block = 0;
    *least_grid = 0;
    for (int size = (most + kWarp - 1) / kWarp * kWarp; size > 0; size -= kWarp) {
      const int threads = std::min(size, most);
      const std::size_t bytes =
          shared_bytes_of == nullptr ? shared_bytes : shared_bytes_of(threads);
      int blocks = 0;
      const cudaError_t error = cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
          &blocks, symbol(function), threads, bytes, flags);
      if (error == cudaSuccess && blocks * threads > best_threads) {
        best_threads = blocks * threads;
        *block = threads;
        *least_grid = blocks * multiprocessors;
      }
    }
    return cudaSuccess;
  });
}
CUresult cuOccupancyMaxPotentialBlockSize(int* least_grid, int* block, CUfunction function,
                                          CUoccupancyB2DSize shared_bytes_of,
                                          std::size_t shared_bytes, int limit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(least_grid, block, function, shared_bytes_of,
                                                   shared_bytes, limit, CU_OCCUPANCY_DEFAULT);
}

}  // extern "C"

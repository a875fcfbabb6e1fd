#pragma once
/// Kernels of the runtime tests, launched through plain functions so that tests stay C++.

#include <cuda_runtime_api.h>

#include <cstddef>

namespace rackproof::test {

/// out[i] = value for i < n.
void launch_fill(int* out, int n, int value, cudaStream_t stream);
/// out[i] += 1 for i < n, after about `spins` loop iterations a thread.
void launch_slow_increment(int* out, int n, int spins, cudaStream_t stream);
/// Writes far outside any allocation.
void launch_wild_write(int* base, cudaStream_t stream);
/// Reads 4 bytes from an address that is not a multiple of 4.
void launch_misaligned_read(const char* base, int* out, cudaStream_t stream);
/// out = counter_value of the module, then counter_value += 1.
void launch_bump_symbol(int* out, cudaStream_t stream);
/// out[i] = scale_values[i % 4].
void launch_read_constant(float* out, int n, cudaStream_t stream);

/// Prints all kinds of conversions; `text` lies in device memory.
void launch_print(int value, const char* text, cudaStream_t stream);
/// slots[i] = malloc(bytes), holding i.
void launch_heap(int** slots, int threads, unsigned bytes);
/// *sum += i + 1 for each slot that is not null, which is freed.
void launch_heap_check(int** slots, int threads, int* sum);
/// assert(thread < limit).
void launch_assert(int threads, int limit);
void launch_trap();

extern const void* const kFillKernel;           ///< (int* out, int n, int value)
extern const void* const kSlowIncrementKernel;  ///< (int* out, int n, int spins)
/// (int* mine, int* other, int* has_met): has_met becomes 1 if two of them run at once.
extern const void* const kHandshakeKernel;
extern const void* const kScaleKernel;  ///< (float* out, float factor, int n): out[i] *= factor
extern const void* const kDynamicSharedKernel;
extern const void* const kBoundedKernel;  ///< __launch_bounds__(128), 1024 bytes of static shared
extern const void* const kCounterSymbol;  ///< __device__ int, initially 41
extern const void* const kScaleSymbol;    ///< __constant__ float[4]

}  // namespace rackproof::test

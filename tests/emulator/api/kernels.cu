#include "tests/emulator/api/kernels.hpp"

#undef NDEBUG  // the assertions of kernels are what is tested
#include <cassert>
#include <cstdio>

namespace {

__device__ int counter_value = 41;
__constant__ float scale_values[4] = {1.0f, 2.0f, 3.0f, 4.0f};

__global__ void fill_kernel(int* out, int n, int value) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    out[i] = value;
  }
}

__global__ void slow_increment_kernel(int* out, int n, int spins) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  volatile int sink = 0;
  for (int s = 0; s < spins; ++s) {
    sink = s;
  }
  if (i < n) {
    out[i] += 1 + (sink < 0 ? 1 : 0);
  }
}

__global__ void wild_write_kernel(int* base) {
  base[1LL << 40] = 1;
}

__global__ void misaligned_read_kernel(const char* base, int* out) {
  *out = *reinterpret_cast<const int*>(base + 1);
}

__global__ void bump_symbol_kernel(int* out) {
  *out = counter_value;
  counter_value += 1;
}

__global__ void read_constant_kernel(float* out, int n) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) {
    out[i] = scale_values[i % 4];
  }
}

__global__ void dynamic_shared_kernel(int* out) {
  extern __shared__ int buffer[];
  buffer[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = buffer[blockDim.x - 1 - threadIdx.x];
}

__global__ void __launch_bounds__(128) bounded_kernel(int* out) {
  __shared__ int buffer[256];
  buffer[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = buffer[127 - threadIdx.x];
}

// Each sets its own flag and waits a while for the other's: both see it only if both run at once.
__global__ void handshake_kernel(volatile int* mine, volatile int* other, int* has_met) {
  *mine = 1;
  __threadfence();
  volatile int* const met = has_met;
  for (int i = 0; i < 100000 && *met == 0; ++i) {
    if (*other != 0) {
      *met = 1;
    }
  }
}

__global__ void scale_kernel(float* out, float factor, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    out[i] *= factor;
  }
}

__global__ void print_kernel(int value, const char* text) {
  const int count = printf("%5.1f|%-4d|%lld|%s|%c|%%|%*d|%hhd\n", 2.25, value, 1LL << 40, text, 'x',
                           4, value, 300);
  if (count != 7) {
    printf("printf returned %d\n", count);
  }
}

// Threads share a heap: each writes its number into memory of its own and reads it back later.
__global__ void heap_kernel(int** slots, unsigned bytes) {
  auto* memory = static_cast<int*>(malloc(bytes));
  slots[threadIdx.x] = memory;
  if (memory != nullptr) {
    *memory = static_cast<int>(threadIdx.x);
  }
}
__global__ void heap_check_kernel(int** slots, int* sum) {
  if (slots[threadIdx.x] != nullptr) {
    atomicAdd(sum, *slots[threadIdx.x] + 1);
    free(slots[threadIdx.x]);
  }
}
__global__ void assert_kernel(int limit) {
  assert(static_cast<int>(threadIdx.x) < limit);
}
__global__ void trap_kernel() {
  __trap();
}

constexpr int kThreads = 128;
int blocks(int n) {
  return (n + kThreads - 1) / kThreads;
}

}  // namespace

namespace rackproof::test {

const void* const kFillKernel = reinterpret_cast<const void*>(&fill_kernel);
const void* const kSlowIncrementKernel = reinterpret_cast<const void*>(&slow_increment_kernel);
const void* const kHandshakeKernel = reinterpret_cast<const void*>(&handshake_kernel);
const void* const kScaleKernel = reinterpret_cast<const void*>(&scale_kernel);
const void* const kDynamicSharedKernel = reinterpret_cast<const void*>(&dynamic_shared_kernel);
const void* const kBoundedKernel = reinterpret_cast<const void*>(&bounded_kernel);
const void* const kCounterSymbol = &counter_value;
const void* const kScaleSymbol = scale_values;

void launch_fill(int* out, int n, int value, cudaStream_t stream) {
  fill_kernel<<<blocks(n), kThreads, 0, stream>>>(out, n, value);
}
void launch_slow_increment(int* out, int n, int spins, cudaStream_t stream) {
  slow_increment_kernel<<<blocks(n), kThreads, 0, stream>>>(out, n, spins);
}
void launch_wild_write(int* base, cudaStream_t stream) {
  wild_write_kernel<<<1, 1, 0, stream>>>(base);
}
void launch_misaligned_read(const char* base, int* out, cudaStream_t stream) {
  misaligned_read_kernel<<<1, 1, 0, stream>>>(base, out);
}
void launch_bump_symbol(int* out, cudaStream_t stream) {
  bump_symbol_kernel<<<1, 1, 0, stream>>>(out);
}
void launch_print(int value, const char* text, cudaStream_t stream) {
  print_kernel<<<1, 1, 0, stream>>>(value, text);
}
void launch_heap(int** slots, int threads, unsigned bytes) {
  heap_kernel<<<1, threads>>>(slots, bytes);
}
void launch_heap_check(int** slots, int threads, int* sum) {
  heap_check_kernel<<<1, threads>>>(slots, sum);
}
void launch_assert(int threads, int limit) {
  assert_kernel<<<1, threads>>>(limit);
}
void launch_trap() {
  trap_kernel<<<1, 1>>>();
}
void launch_read_constant(float* out, int n, cudaStream_t stream) {
  read_constant_kernel<<<1, kThreads, 0, stream>>>(out, n);
}

}  // namespace rackproof::test

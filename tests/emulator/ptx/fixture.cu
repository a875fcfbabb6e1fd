// Compiled to PTX at build time for several targets; nvcc_test.cpp knows its lines by their
// markers.
#include <cooperative_groups.h>

#include <cstdio>

__constant__ float table[4] = {1, 2, 3, 4};
__device__ int counter;
__device__ int numbers[3];

struct Mixed {
  int* pointer;
  const char* text;
  double value;
};
__device__ Mixed mixed = {&numbers[1], "hi", 2.5};

__device__ __noinline__ float twice(float x) {
  return x * 2 + sinf(x);
}
__device__ __noinline__ float thrice(float x) {
  return x * 3;
}
__device__ float (*functions[2])(float) = {twice, thrice};
extern __shared__ float dynamic[];

template <class T>
__global__ void __launch_bounds__(128, 2) everything(T* a, const T* b, int n, Mixed by_value) {
  __shared__ T tile[128];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = b[i];  // marker: store to shared memory
  __syncthreads();
  a[i] = tile[127 - threadIdx.x] + static_cast<T>(by_value.value) + static_cast<T>(table[i & 3]);
  float local[20];
  for (int j = 0; j < 20; ++j) {
    local[j] = dynamic[j];
  }
  if (i == 7) {
    printf("%d %f\n", i, local[n % 20]);
  }
  atomicAdd(&counter, 1);
  a[3] = static_cast<T>(functions[n & 1](static_cast<float>(n)));
  // The same labels and registers in two blocks.
  asm volatile(
      "{ .reg .pred p; setp.ne.s32 p, %0, 0; @p bra L; trap; L: @!p bra.uni D; D: }" ::"r"(n));
  asm volatile(
      "{ .reg .pred p; setp.ne.s32 p, %0, 1; @p bra L; trap; L: @!p bra.uni D; D: }" ::"r"(n));
}
template __global__ void everything<float>(float*, const float*, int, Mixed);
template __global__ void everything<double>(double*, const double*, int, Mixed);

__global__ void cooperative() {
  cooperative_groups::this_grid().sync();
}

extern "C" __global__ void warp_wide(unsigned* out, double* sum) {
  const unsigned lane = threadIdx.x;
  out[0] = __ballot_sync(~0U, (lane & 1U) != 0);
  out[1] = __shfl_xor_sync(~0U, lane, 3);
  out[2] = __match_any_sync(~0U, lane / 4);
  out[3] = __reduce_add_sync(~0U, lane);
  out[4] = __dp4a(out[5], out[6], out[7]) + __byte_perm(out[8], out[9], out[10]) + __vadd4(lane, 3);
  out[11] = static_cast<unsigned>(clock64());
  sum[lane] = exp(sum[lane]) + erf(sum[lane]) / rsqrt(sum[lane]);
  atomicAdd(sum, 1.0);
}

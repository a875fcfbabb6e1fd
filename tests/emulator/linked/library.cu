// In a static library, with a kernel of its own and a host function that launches it.
#include "separate.hpp"

#include <cuda_runtime_api.h>

extern __device__ int shared_state;
extern __device__ Operation rotate_operation;

static __global__ void kernel(int* out) {  // linked_test.cu has a kernel of that name
  extern __shared__ int values[];
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = rotate_operation(values[threadIdx.x]) + counted(shared_state);
}

cudaError_t launch_library_kernel(int* out) {
  kernel<<<1, 32, 32 * sizeof(int)>>>(out);
  return cudaDeviceSynchronize();
}

// The object that defines what linked_test.cu declares: functions, a table of them, variables.
#include "separate.hpp"

namespace {
__device__ int offset = 1000;  // linked_test.cu has another one
}
static __device__ __noinline__ int scaled(int value) {  // and another one of these
  return 2 * value;
}

__device__ int twice(int value) {
  return counted(scaled(value));
}
__device__ int plus_offset(int value) {
  return value + offset;
}
__device__ int squared(int value) {
  return value * value;
}
__device__ Point mirrored(Point point) {
  return {point.y, point.x};
}

extern __device__ const Operation operations[3];
__device__ const Operation operations[3] = {twice, plus_offset, squared};
__device__ int shared_state = 7;
__constant__ float factors[2] = {0.5F, 4.0F};

// Shared memory of a function that only a pointer reaches.
__device__ int rotated(int value) {
  __shared__ int lanes[32];
  lanes[threadIdx.x] = value;
  __syncwarp();
  return lanes[(threadIdx.x + 1) % 32];
}
__device__ Operation rotate_operation = rotated;

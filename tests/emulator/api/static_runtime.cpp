// Linked with NVIDIA's static CUDA runtime: on the emulator its first call fails, and the
// emulator's libcuda.so.1 names the reason.

#include <cuda_runtime_api.h>

#include <cstdio>

int main() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  std::fprintf(stderr, "%s: %s\n", error == cudaSuccess ? "accepted" : "refused as it should be",
               cudaGetErrorName(error));
  return error == cudaSuccess ? 1 : 0;
}

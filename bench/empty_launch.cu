// What every CUDA program pays before it does anything: load the libraries, launch one empty
// kernel, wait for it.

namespace {
__global__ void empty() {}
}  // namespace

int main() {
  empty<<<1, 1>>>();
  return cudaDeviceSynchronize() == cudaSuccess ? 0 : 1;
}

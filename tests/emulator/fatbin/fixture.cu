// Compiled at build time for several targets: the fatbin and ptxas's own figures are the test data.

__global__ void uses_everything(float* data, int n) {
  __shared__ float tile[1000];
  float local[50];
  for (int i = 0; i < 50; ++i) {
    local[i] = data[i * n];
  }
  tile[threadIdx.x] = data[threadIdx.x];
  __syncthreads();
  for (int i = 0; i < n; ++i) {
    data[local[(i * 7) % 50] > 0 ? 1 : 2] += tile[i] + local[(i * 3) % 50];
  }
}

__global__ void uses_little(int* data) {
  data[threadIdx.x] = 1;
}

extern "C" __global__ void calls_a_function(double* data) {
  data[threadIdx.x] = sin(data[threadIdx.x]);
}

/// Relocatable device code: a program of several objects and a library, linked by nvcc.

#include "separate.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <array>

extern __device__ const Operation operations[3];
extern __device__ int shared_state;
extern __constant__ float factors[2];
__device__ int twice(int value);
__device__ Point mirrored(Point point);
cudaError_t launch_library_kernel(int* out);

namespace {

__device__ int offset = 30;
__device__ int results[2];

}  // namespace

static __device__ __noinline__ int scaled(int value) {
  return 3 * value;
}

static __global__ void kernel(int* out) {
  const int i = static_cast<int>(threadIdx.x);
  const Point point = mirrored({i, 100});
  out[i] = twice(i) + 10 * scaled(i) + offset + operations[i % 3](i) + point.x +
           static_cast<int>(factors[1]) + counted(point.y);
  if (i == 0) {
    results[0] = shared_state;
  }
}

static __global__ void call_through(Operation operation, int* out) {
  out[threadIdx.x] = operation(static_cast<int>(threadIdx.x));
}

static __global__ void take_address(Operation* out) {
  *out = operations[2];
}

namespace {

struct LinkedTest : testing::Test {
  int* out = nullptr;
  void SetUp() override { ASSERT_EQ(cudaMalloc(&out, 32 * sizeof(int)), cudaSuccess); }
  void TearDown() override { EXPECT_EQ(cudaFree(out), cudaSuccess); }
  std::array<int, 32> read() {
    std::array<int, 32> host{};
    EXPECT_EQ(cudaMemcpy(host.data(), out, sizeof host, cudaMemcpyDeviceToHost), cudaSuccess);
    return host;
  }
};

TEST_F(LinkedTest, FunctionsTablesAndVariablesOfOtherObjects) {
  kernel<<<1, 32>>>(out);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  const auto host = read();
  for (int i = 0; i < 32; ++i) {
    const int chosen = i % 3 == 0 ? 2 * i : i % 3 == 1 ? i + 1000 : i * i;
    EXPECT_EQ(host[static_cast<std::size_t>(i)], 2 * i + 30 * i + 30 + chosen + 100 + 4 + i) << i;
  }
  int state[2] = {};
  ASSERT_EQ(cudaMemcpyFromSymbol(state, results, sizeof state), cudaSuccess);
  EXPECT_EQ(state[0], 7);
}

TEST_F(LinkedTest, ALibrarysKernelUsesWhatTheProgramDefines) {
  const int changed = 9;
  ASSERT_EQ(cudaMemcpyToSymbol(shared_state, &changed, sizeof changed), cudaSuccess);
  ASSERT_EQ(launch_library_kernel(out), cudaSuccess);
  const auto host = read();
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(host[static_cast<std::size_t>(i)], (i + 1) % 32 + 9) << i;
  }
  const int initial = 7;
  ASSERT_EQ(cudaMemcpyToSymbol(shared_state, &initial, sizeof initial), cudaSuccess);
}

TEST_F(LinkedTest, AFunctionPointerTravelsThroughTheHost) {
  Operation* place = nullptr;
  ASSERT_EQ(cudaMalloc(&place, sizeof(Operation)), cudaSuccess);
  take_address<<<1, 1>>>(place);
  Operation operation = nullptr;
  ASSERT_EQ(cudaMemcpy(&operation, place, sizeof operation, cudaMemcpyDeviceToHost), cudaSuccess);
  call_through<<<1, 32>>>(operation, out);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(read()[31], 31 * 31);
  EXPECT_EQ(cudaFree(place), cudaSuccess);
}

TEST_F(LinkedTest, ResourcesComeFromTheLinkedMachineCode) {
  cudaFuncAttributes attributes{};
  ASSERT_EQ(cudaFuncGetAttributes(&attributes, kernel), cudaSuccess);
  EXPECT_GT(attributes.numRegs, 0);
  EXPECT_LT(attributes.numRegs, 255) << "the limit that launch bounds alone would leave";
}

}  // namespace

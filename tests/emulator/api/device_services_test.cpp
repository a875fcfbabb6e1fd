// What device code asks of the driver: printf, assert, trap, malloc.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace rackproof::test {
namespace {

class DeviceServicesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(cudaSetDevice(0), cudaSuccess); }
  void TearDown() override { EXPECT_EQ(cudaDeviceReset(), cudaSuccess); }
  template <typename T>
  static T* allocate(std::size_t count) {
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, count * sizeof(T)), cudaSuccess);
    EXPECT_EQ(cudaMemset(memory, 0, count * sizeof(T)), cudaSuccess);
    return static_cast<T*>(memory);
  }
  static char* text(const char* content) {
    auto* memory = allocate<char>(16);
    EXPECT_EQ(cudaMemcpy(memory, content, std::strlen(content) + 1, cudaMemcpyHostToDevice),
              cudaSuccess);
    return memory;
  }
};

TEST_F(DeviceServicesTest, PrintfFormatsAndAppearsWhenTheHostSynchronises) {
  const char* hello = text("hello");
  testing::internal::CaptureStdout();
  launch_print(42, hello, nullptr);
  while (cudaStreamQuery(nullptr) == cudaErrorNotReady) {
  }
  const std::string before = testing::internal::GetCapturedStdout();
  testing::internal::CaptureStdout();
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(before, "") << "a query is not a point at which the buffer is written";
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "  2.2|42  |1099511627776|hello|x|%|  42|44\n");
}

TEST_F(DeviceServicesTest, PrintfKeepsTheLatestWhenItsBufferIsFull) {
  const char* hello = text("hello");
  ASSERT_EQ(cudaDeviceSetLimit(cudaLimitPrintfFifoSize, 100), cudaSuccess);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), cudaSuccess);
  for (int i = 1; i <= 4; ++i) {
    launch_print(i, hello, stream);
  }
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphExec_t instance = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&instance, graph, 0), cudaSuccess);
  testing::internal::CaptureStdout();
  ASSERT_EQ(cudaGraphLaunch(instance, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  const std::string said = testing::internal::GetCapturedStdout();
  EXPECT_EQ(said.find("|1   |"), std::string::npos) << said;
  EXPECT_NE(said.find("|4   |"), std::string::npos) << said;
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(DeviceServicesTest, AssertNamesEachThreadAndIsSticky) {
  testing::internal::CaptureStderr();
  launch_assert(32, 30);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorAssert);
  const std::string said = testing::internal::GetCapturedStderr();
  for (const char* thread : {"[30,0,0]", "[31,0,0]"}) {
    EXPECT_NE(said.find(std::string("block: [0,0,0], thread: ") + thread + " Assertion `"),
              std::string::npos)
        << said;
  }
  EXPECT_EQ(said.find("[29,0,0]"), std::string::npos);
  EXPECT_NE(said.find("kernels.cu:"), std::string::npos);
  EXPECT_EQ(cudaGetLastError(), cudaErrorAssert);
  EXPECT_EQ(cudaGetLastError(), cudaErrorAssert) << "sticky: reading does not clear it";
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorAssert);
  int device = -1;
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess) << "what asks the host alone goes on";
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess) << "other devices go on";
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  static_cast<void>(cudaSetDevice(0));
  ASSERT_EQ(cudaDeviceReset(), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  launch_trap();
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
}

TEST_F(DeviceServicesTest, DeviceHeapOutlivesKernelsAndHasALimit) {
  constexpr int kThreads = 32;
  auto** slots = allocate<int*>(kThreads);
  int* sum = allocate<int>(1);
  std::size_t limit = 0;
  ASSERT_EQ(cudaDeviceGetLimit(&limit, cudaLimitMallocHeapSize), cudaSuccess);
  EXPECT_EQ(limit, std::size_t{8} << 20U);
  ASSERT_EQ(cudaDeviceSetLimit(cudaLimitMallocHeapSize, std::size_t{4} << 20U), cudaSuccess);
  launch_heap(slots, kThreads, 1 << 18U);  // 16 of 32 fit
  launch_heap_check(slots, kThreads, sum);
  int host = 0;
  ASSERT_EQ(cudaMemcpy(&host, sum, 4, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host, 16 * 17 / 2);
  EXPECT_EQ(cudaDeviceSetLimit(cudaLimitMallocHeapSize, 1), cudaErrorInvalidValue)
      << "fixed once a kernel has used it";
  // What a kernel has freed cannot be freed again, nor touched.
  launch_heap(slots, 1, 64);
  launch_heap_check(slots, 1, sum);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  launch_heap_check(slots, 1, sum);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaDeviceSetLimit(static_cast<cudaLimit>(7), 1), cudaErrorIllegalAddress);
  ASSERT_EQ(cudaDeviceReset(), cudaSuccess);
  EXPECT_EQ(cudaDeviceSetLimit(static_cast<cudaLimit>(7), 1), cudaErrorUnsupportedLimit);
}

}  // namespace
}  // namespace rackproof::test

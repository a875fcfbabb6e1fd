// Events: states, virtual times, determinism.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace rackproof::test {
namespace {

class EventTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    ASSERT_EQ(cudaStreamCreate(&stream_), cudaSuccess);
    ASSERT_EQ(cudaEventCreate(&start_), cudaSuccess);
    ASSERT_EQ(cudaEventCreate(&stop_), cudaSuccess);
    void* memory = nullptr;
    ASSERT_EQ(cudaMalloc(&memory, 1 << 20), cudaSuccess);
    ASSERT_EQ(cudaMemset(memory, 0, 1 << 20), cudaSuccess);
    data_ = static_cast<int*>(memory);
  }
  void TearDown() override {
    EXPECT_EQ(cudaEventDestroy(start_), cudaSuccess);
    EXPECT_EQ(cudaEventDestroy(stop_), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
  }
  float time_kernel(int spins) {
    EXPECT_EQ(cudaEventRecord(start_, stream_), cudaSuccess);
    launch_slow_increment(data_, 1024, spins, stream_);
    EXPECT_EQ(cudaEventRecord(stop_, stream_), cudaSuccess);
    EXPECT_EQ(cudaEventSynchronize(stop_), cudaSuccess);
    float milliseconds = -1;
    EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start_, stop_), cudaSuccess);
    return milliseconds;
  }

  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t stop_ = nullptr;
  int* data_ = nullptr;
};

TEST_F(EventTest, TimesAreModelledAndDeterministic) {
  const float first = time_kernel(500);
  EXPECT_GT(first, 0.002F) << "at least the launch overhead";
  // The host's clock plays no part.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(time_kernel(500), first);
  EXPECT_GT(time_kernel(5000), 5 * (first - 0.002F)) << "ten times the work";
}

TEST_F(EventTest, CopiesTakeBytesOverBandwidth) {
  constexpr std::size_t kBytes = 9'000'000;
  void* host = nullptr;
  void* device = nullptr;
  ASSERT_EQ(cudaMallocHost(&host, kBytes), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&device, kBytes), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(start_, stream_), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(device, host, kBytes, cudaMemcpyHostToDevice, stream_), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(stop_, stream_), cudaSuccess);
  ASSERT_EQ(cudaEventSynchronize(stop_), cudaSuccess);
  float milliseconds = 0;
  ASSERT_EQ(cudaEventElapsedTime(&milliseconds, start_, stop_), cudaSuccess);
  // 225 GB/s a direction over NVLink-C2C and 2 us for the engine: 42 us.
  EXPECT_FLOAT_EQ(milliseconds, 0.042F);
}

TEST_F(EventTest, ErrorsOfMisuse) {
  float milliseconds = 0;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start_, stop_), cudaErrorInvalidResourceHandle)
      << "never recorded";
  EXPECT_EQ(cudaEventQuery(start_), cudaSuccess) << "never recorded counts as reached";
  cudaEvent_t untimed = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(untimed, stream_), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(start_, stream_), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start_, untimed), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventDestroy(untimed), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(untimed), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventCreateWithFlags(&untimed, 0x100), cudaErrorInvalidValue);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(start_, nullptr), cudaErrorInvalidResourceHandle)
      << "event and stream of different devices";
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
}

TEST_F(EventTest, UnreachedEventsAreNotReady) {
  ASSERT_EQ(cudaEventRecord(start_, stream_), cudaSuccess);
  launch_slow_increment(data_, 1024, 200000, stream_);
  ASSERT_EQ(cudaEventRecord(stop_, stream_), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(stop_), cudaErrorNotReady);
  float milliseconds = 0;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start_, stop_), cudaErrorNotReady);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(stop_), cudaSuccess);
}

TEST_F(EventTest, AWaitCarriesVirtualTimeIntoTheOtherStream) {
  cudaStream_t other = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  cudaEvent_t after = nullptr;
  ASSERT_EQ(cudaEventCreate(&after), cudaSuccess);
  launch_slow_increment(data_, 1024, 5000, stream_);
  ASSERT_EQ(cudaEventRecord(stop_, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(other, stop_, 0), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(after, other), cudaSuccess);
  ASSERT_EQ(cudaEventSynchronize(after), cudaSuccess);
  float milliseconds = -1;
  ASSERT_EQ(cudaEventElapsedTime(&milliseconds, stop_, after), cudaSuccess);
  EXPECT_EQ(milliseconds, 0);
  EXPECT_EQ(cudaEventDestroy(after), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

}  // namespace
}  // namespace rackproof::test

// Order: within streams, between streams, against the default streams.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace rackproof::test {
namespace {

constexpr int kCount = 4096;
constexpr int kSpins = 20000;  // long enough that an unordered successor would overtake

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    void* memory = nullptr;
    ASSERT_EQ(cudaMalloc(&memory, kCount * sizeof(int)), cudaSuccess);
    data_ = static_cast<int*>(memory);
    ASSERT_EQ(cudaMemset(data_, 0, kCount * sizeof(int)), cudaSuccess);
    ASSERT_EQ(cudaStreamCreate(&blocking_), cudaSuccess);
    ASSERT_EQ(cudaStreamCreateWithFlags(&free_, cudaStreamNonBlocking), cudaSuccess);
  }
  void TearDown() override {
    EXPECT_EQ(cudaStreamDestroy(blocking_), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(free_), cudaSuccess);
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
  }
  // The last element, read through `stream` in its order.
  int read(cudaStream_t stream) {
    int value = -1;
    EXPECT_EQ(cudaMemcpyAsync(&value, data_ + kCount - 1, 4, cudaMemcpyDeviceToHost, stream),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    return value;
  }

  int* data_ = nullptr;
  cudaStream_t blocking_ = nullptr;
  cudaStream_t free_ = nullptr;
};

TEST_F(StreamTest, WorkRunsInStreamOrder) {
  for (int i = 0; i < 5; ++i) {
    launch_slow_increment(data_, kCount, 100 * (5 - i), blocking_);
  }
  launch_fill(data_, kCount / 2, 50, blocking_);
  launch_slow_increment(data_, kCount, 1, blocking_);
  EXPECT_EQ(read(blocking_), 6);
}

TEST_F(StreamTest, LegacyDefaultStreamWaitsForBlockingStreams) {
  launch_slow_increment(data_, kCount, kSpins, blocking_);
  launch_fill(data_, kCount, 10, nullptr);
  EXPECT_EQ(read(nullptr), 10) << "1 or 11 if the fill overtook the increment";
}

TEST_F(StreamTest, BlockingStreamsWaitForTheLegacyDefaultStream) {
  launch_slow_increment(data_, kCount, kSpins, nullptr);
  launch_fill(data_, kCount, 10, blocking_);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(read(blocking_), 10) << "11 if the fill overtook the increment";
}

TEST_F(StreamTest, NonBlockingStreamsDoNotWaitForTheLegacyStream) {
  std::atomic<bool> may_go{false};
  ASSERT_EQ(cudaLaunchHostFunc(
                cudaStreamLegacy,
                [](void* flag) {
                  while (!static_cast<std::atomic<bool>*>(flag)->load()) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                  }
                },
                &may_go),
            cudaSuccess);
  launch_fill(data_, kCount, 10, nullptr);
  launch_fill(data_, kCount, 3, free_);
  EXPECT_EQ(read(free_), 3) << "the legacy stream is still held up";
  EXPECT_EQ(cudaStreamQuery(nullptr), cudaErrorNotReady);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess) << "not ready is an answer, not an error";
  may_go = true;
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(read(free_), 10);
}

TEST_F(StreamTest, EventsOrderStreamsOfTheSameAndOfOtherDevices) {
  cudaEvent_t done = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&done, cudaEventDisableTiming), cudaSuccess);
  launch_slow_increment(data_, kCount, kSpins, blocking_);
  ASSERT_EQ(cudaEventRecord(done, blocking_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(free_, done, 0), cudaSuccess);
  launch_slow_increment(data_, kCount, kSpins, free_);
  ASSERT_EQ(cudaEventRecord(done, free_), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t other = nullptr;
  ASSERT_EQ(cudaStreamCreate(&other), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(other, done, 0), cudaSuccess);
  EXPECT_EQ(read(other), 2);
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(read(free_), 2);
  EXPECT_EQ(cudaEventDestroy(done), cudaSuccess);
}

TEST_F(StreamTest, PerThreadStreamsOfTwoThreadsAreDifferent) {
  unsigned long long mine = 0;
  unsigned long long other = 0;
  ASSERT_EQ(cudaStreamGetId(cudaStreamPerThread, &mine), cudaSuccess);
  std::thread([&] { EXPECT_EQ(cudaStreamGetId(cudaStreamPerThread, &other), cudaSuccess); }).join();
  EXPECT_NE(mine, other);
}

TEST_F(StreamTest, HostFunctionsRunInOrder) {
  std::vector<int> order;
  struct Entry {
    std::vector<int>* order;
    int value;
  } first{&order, 1}, second{&order, 2};
  const auto append = [](void* opaque) {
    const auto* entry = static_cast<Entry*>(opaque);
    entry->order->push_back(entry->value);
  };
  ASSERT_EQ(cudaLaunchHostFunc(blocking_, append, &first), cudaSuccess);
  launch_slow_increment(data_, kCount, 1, blocking_);
  ASSERT_EQ(cudaLaunchHostFunc(blocking_, append, &second), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(blocking_), cudaSuccess);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST_F(StreamTest, DestroyedStreamsFinishTheirWork) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  launch_slow_increment(data_, kCount, kSpins, stream);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(read(free_), 1);
}

TEST_F(StreamTest, FlagsAndPrioritiesAreKept) {
  unsigned flags = 99;
  EXPECT_EQ(cudaStreamGetFlags(free_, &flags), cudaSuccess);
  EXPECT_EQ(flags, unsigned{cudaStreamNonBlocking});
  int least = 9;
  int greatest = 9;
  ASSERT_EQ(cudaDeviceGetStreamPriorityRange(&least, &greatest), cudaSuccess);
  EXPECT_LT(greatest, least);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest - 100),
            cudaSuccess);
  int priority = 0;
  EXPECT_EQ(cudaStreamGetPriority(stream, &priority), cudaSuccess);
  EXPECT_EQ(priority, greatest) << "clamped";
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, 0x80), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace rackproof::test

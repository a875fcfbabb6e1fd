// Allocation, copies, fills, symbols, pointers.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

namespace rackproof::test {
namespace {

class MemoryTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(cudaSetDevice(0), cudaSuccess); }
  void TearDown() override { EXPECT_EQ(cudaDeviceReset(), cudaSuccess); }
  template <typename T = int>
  static T* allocate(std::size_t count) {
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, count * sizeof(T)), cudaSuccess);
    return static_cast<T*>(memory);
  }
};

TEST_F(MemoryTest, CopiesRoundTrip) {
  std::vector<int> in(1000);
  std::iota(in.begin(), in.end(), 7);
  std::vector<int> out(1000);
  int* a = allocate(1000);
  int* b = allocate(1000);
  EXPECT_EQ(cudaMemcpy(a, in.data(), 4000, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(b, a, 4000, cudaMemcpyDeviceToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(out.data(), b, 4000, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(in, out);
}

TEST_F(MemoryTest, WrongDirectionsAndRangesAreRefused) {
  int host[8] = {};
  int* device = allocate(4);
  EXPECT_EQ(cudaMemcpy(host, host, 16, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, host, 16, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(device, host, 17, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(device, host, 16, static_cast<cudaMemcpyKind>(7)),
            cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaMemset(device, 0, 17), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(host, 0, 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "reading the last error clears it";
  EXPECT_EQ(cudaFree(device), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(device, host, 16, cudaMemcpyHostToDevice), cudaErrorInvalidValue) << "freed";
  EXPECT_EQ(cudaFree(device), cudaErrorInvalidValue) << "freed twice";
}

TEST_F(MemoryTest, AllocationsAreAlignedAndBounded) {
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 1), cudaSuccess);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 256, 0U);
  EXPECT_EQ(cudaMalloc(&memory, std::size_t{1} << 50), cudaErrorMemoryAllocation);
  EXPECT_EQ(memory, nullptr);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  std::size_t free_before = 0;
  std::size_t total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free_before, &total), cudaSuccess);
  EXPECT_EQ(total, std::size_t{284208} << 20);
  ASSERT_EQ(cudaMalloc(&memory, 1 << 20), cudaSuccess);
  std::size_t free_after = 0;
  ASSERT_EQ(cudaMemGetInfo(&free_after, &total), cudaSuccess);
  EXPECT_EQ(free_before - free_after, std::size_t{1} << 20);
}

TEST_F(MemoryTest, RectanglesKeepTheirPitches) {
  std::vector<char> in(4 * 16);
  std::iota(in.begin(), in.end(), char{0});
  void* device = nullptr;
  std::size_t pitch = 0;
  ASSERT_EQ(cudaMallocPitch(&device, &pitch, 10, 4), cudaSuccess);
  EXPECT_EQ(pitch % 32, 0U);
  ASSERT_EQ(cudaMemset2D(device, pitch, 0x55, pitch, 4), cudaSuccess);
  ASSERT_EQ(cudaMemcpy2D(device, pitch, in.data(), 16, 10, 4, cudaMemcpyHostToDevice), cudaSuccess);
  std::vector<char> out(4 * pitch);
  ASSERT_EQ(cudaMemcpy(out.data(), device, out.size(), cudaMemcpyDeviceToHost), cudaSuccess);
  for (std::size_t row = 0; row < 4; ++row) {
    EXPECT_EQ(std::memcmp(&out[row * pitch], &in[row * 16], 10), 0) << row;
    EXPECT_EQ(out[row * pitch + 10], 0x55) << "beyond the row";
  }
  EXPECT_EQ(cudaMemcpy2D(device, 8, in.data(), 16, 10, 4, cudaMemcpyHostToDevice),
            cudaErrorInvalidPitchValue);
}

TEST_F(MemoryTest, LargeFillsAreExact) {
  constexpr std::size_t kBytes = 9 << 20;
  auto* device = allocate<unsigned char>(kBytes);
  ASSERT_EQ(cudaMemset(device, 0x7e, kBytes), cudaSuccess);
  ASSERT_EQ(cudaMemset(device + 3, 0, kBytes - 5), cudaSuccess);
  std::vector<unsigned char> out(kBytes);
  ASSERT_EQ(cudaMemcpy(out.data(), device, kBytes, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(out[2], 0x7e);
  EXPECT_EQ(out[kBytes - 2], 0x7e);
  EXPECT_EQ(std::accumulate(out.begin() + 3, out.end() - 2, 0), 0);
}

TEST_F(MemoryTest, SymbolsAreInitialisedPerDeviceAndChecked) {
  int* out = allocate(1);
  launch_bump_symbol(out, nullptr);
  int host = 0;
  ASSERT_EQ(cudaMemcpy(&host, out, 4, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host, 41);
  ASSERT_EQ(cudaMemcpyFromSymbol(&host, kCounterSymbol, 4, 0, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host, 42);
  void* address = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(cudaGetSymbolAddress(&address, kCounterSymbol), cudaSuccess);
  EXPECT_EQ(cudaGetSymbolSize(&size, kScaleSymbol), cudaSuccess);
  EXPECT_EQ(size, 16U);
  EXPECT_EQ(cudaMemcpyToSymbol(kCounterSymbol, &host, 4, 4, cudaMemcpyHostToDevice),
            cudaErrorInvalidValue)
      << "offset beyond the variable";
  EXPECT_EQ(cudaMemcpyToSymbol(&host, &host, 4, 0, cudaMemcpyHostToDevice), cudaErrorInvalidSymbol);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  ASSERT_EQ(cudaMemcpyFromSymbol(&host, kCounterSymbol, 4, 0, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host, 41) << "each device has its own";
}

TEST_F(MemoryTest, ConstantMemoryCanBeReplaced) {
  auto* out = allocate<float>(8);
  const float values[4] = {5, 6, 7, 8};
  ASSERT_EQ(cudaMemcpyToSymbol(kScaleSymbol, values, 16, 0, cudaMemcpyHostToDevice), cudaSuccess);
  launch_read_constant(out, 8, nullptr);
  float host[8] = {};
  ASSERT_EQ(cudaMemcpy(host, out, 32, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host[0], 5);
  EXPECT_EQ(host[7], 8);
}

TEST_F(MemoryTest, PointersKnowTheirKind) {
  cudaPointerAttributes attributes{};
  int local = 0;
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, &local), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  int* device = allocate(10);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, device + 5), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeDevice);
  EXPECT_EQ(attributes.device, 0);
  void* host = nullptr;
  ASSERT_EQ(cudaMallocHost(&host, 64), cudaSuccess);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, host), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  EXPECT_EQ(cudaFree(host), cudaErrorInvalidValue) << "host memory has its own free";
  EXPECT_EQ(cudaFreeHost(host), cudaSuccess);
  void* managed = nullptr;
  ASSERT_EQ(cudaMallocManaged(&managed, 64, cudaMemAttachGlobal), cudaSuccess);
  launch_fill(static_cast<int*>(managed), 16, 3, nullptr);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(static_cast<int*>(managed)[15], 3);
  EXPECT_EQ(cudaFree(managed), cudaSuccess);
}

TEST_F(MemoryTest, RegisteredHostMemoryIsReachableFromKernels) {
  std::vector<int> host(64, 0);
  EXPECT_EQ(cudaHostUnregister(host.data()), cudaErrorHostMemoryNotRegistered);
  ASSERT_EQ(cudaHostRegister(host.data(), 256, cudaHostRegisterDefault), cudaSuccess);
  EXPECT_EQ(cudaHostRegister(host.data(), 256, cudaHostRegisterDefault),
            cudaErrorHostMemoryAlreadyRegistered);
  launch_fill(host.data(), 64, 9, nullptr);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(host[63], 9);
  EXPECT_EQ(cudaHostUnregister(host.data()), cudaSuccess);
}

TEST_F(MemoryTest, StreamOrderedMemoryLivesUntilItsFree) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  void* memory = nullptr;
  ASSERT_EQ(cudaMallocAsync(&memory, 4096, stream), cudaSuccess);
  launch_slow_increment(static_cast<int*>(memory), 1024, 2000, stream);
  int host[1024] = {};
  ASSERT_EQ(cudaMemcpyAsync(host, memory, 4096, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(memory, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(host[1023], 1);
  EXPECT_EQ(cudaMemset(memory, 0, 4), cudaErrorInvalidValue) << "it is gone";
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(MemoryTest, AsynchronousCopySnapshotsPageableSourcesAndReturns) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  int* device = allocate(256);
  std::vector<int> host(256, 1);
  std::atomic<bool> may_go{false};
  ASSERT_EQ(cudaLaunchHostFunc(
                stream,
                [](void* flag) {
                  while (!static_cast<std::atomic<bool>*>(flag)->load()) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                  }
                },
                &may_go),
            cudaSuccess);
  // Lets the test fail instead of hang if the copy waits for its turn.
  std::thread watchdog([&] {
    for (int i = 0; i < 5000 && !may_go.load(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    may_go = true;
  });
  EXPECT_EQ(cudaMemcpyAsync(device, host.data(), 1024, cudaMemcpyHostToDevice, stream),
            cudaSuccess);
  EXPECT_FALSE(may_go.load()) << "the copy waited for the stream";
  std::fill(host.begin(), host.end(), 2);
  may_go = true;
  watchdog.join();
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  std::vector<int> out(256);
  ASSERT_EQ(cudaMemcpy(out.data(), device, 1024, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(out, std::vector<int>(256, 1));
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

}  // namespace
}  // namespace rackproof::test

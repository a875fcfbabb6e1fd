#pragma once
/// Several emulated devices of one process, each with its communicator, stream and buffers.

#include <cuda_runtime.h>
#include <nccl.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace rackproof::emulator::api_nccl::test {

#define ASSERT_CUDA(call) ASSERT_EQ((call), cudaSuccess)
#define ASSERT_NCCL(call) ASSERT_EQ((call), ncclSuccess) << ncclGetLastError(nullptr)
#define EXPECT_NCCL(call) EXPECT_EQ((call), ncclSuccess) << ncclGetLastError(nullptr)

/// True once `condition` holds; false after ten seconds.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class Devices : public ::testing::Test {
 protected:
  static constexpr int kDevices = 4;

  void SetUp() override {
    int present = 0;
    ASSERT_CUDA(cudaGetDeviceCount(&present));
    ASSERT_GE(present, kDevices);
    comms.resize(kDevices);
    streams.resize(kDevices);
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_CUDA(cudaSetDevice(d));
      ASSERT_CUDA(cudaStreamCreateWithFlags(&streams[at(d)], cudaStreamNonBlocking));
    }
    ASSERT_NCCL(ncclCommInitAll(comms.data(), kDevices, nullptr));
  }

  void TearDown() override {
    for (const ncclComm_t comm : comms) {
      EXPECT_NCCL(ncclCommDestroy(comm));
    }
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_CUDA(cudaSetDevice(d));
      EXPECT_EQ(cudaStreamDestroy(streams[at(d)]), cudaSuccess);
      for (void* buffer : buffers) {
        EXPECT_EQ(cudaFree(buffer), cudaSuccess);
      }
      buffers.clear();
    }
  }

  static std::size_t at(int device) { return static_cast<std::size_t>(device); }

  /// Device memory that lives as long as the test.
  std::byte* allocate(int device, std::size_t bytes) {
    void* buffer = nullptr;
    EXPECT_EQ(cudaSetDevice(device), cudaSuccess);
    EXPECT_EQ(cudaMalloc(&buffer, bytes), cudaSuccess);
    buffers.push_back(buffer);
    return static_cast<std::byte*>(buffer);
  }
  std::byte* upload(int device, const std::vector<std::byte>& bytes) {
    std::byte* buffer = allocate(device, bytes.size());
    EXPECT_EQ(cudaMemcpy(buffer, bytes.data(), bytes.size(), cudaMemcpyHostToDevice), cudaSuccess);
    return buffer;
  }
  static std::vector<std::byte> download(const std::byte* buffer, std::size_t bytes) {
    std::vector<std::byte> host(bytes);
    EXPECT_EQ(cudaMemcpy(host.data(), buffer, bytes, cudaMemcpyDeviceToHost), cudaSuccess);
    return host;
  }

  /// Calls f(device) for all devices in one NCCL group and waits for all streams.
  template <typename F>
  void run_group(F f) {
    ASSERT_NCCL(ncclGroupStart());
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_NCCL(f(d));
    }
    ASSERT_NCCL(ncclGroupEnd());
    synchronize();
  }
  void synchronize() {
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_CUDA(cudaSetDevice(d));
      ASSERT_CUDA(cudaStreamSynchronize(streams[at(d)]));
    }
  }

  std::vector<ncclComm_t> comms;
  std::vector<cudaStream_t> streams;
  std::vector<void*> buffers;
};

}  // namespace rackproof::emulator::api_nccl::test

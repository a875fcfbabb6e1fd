// Sticky errors: what a kernel breaks stays broken until the device is reset, on that device only.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <future>
#include <string>

namespace rackproof::test {
namespace {

class FaultTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    void* memory = nullptr;
    ASSERT_EQ(cudaMalloc(&memory, 64), cudaSuccess);
    data_ = static_cast<int*>(memory);
  }
  void TearDown() override {
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess) << "reset clears the sticky error";
  }
  int* data_ = nullptr;
};

TEST_F(FaultTest, IllegalAddressIsStickyAndNamesThePlace) {
  testing::internal::CaptureStderr();
  // The kernel waits until its launch has been looked at.
  std::promise<void> looked_at;
  const auto wait = [](void* promise) {
    static_cast<std::promise<void>*>(promise)->get_future().wait();
  };
  ASSERT_EQ(cudaLaunchHostFunc(nullptr, wait, &looked_at), cudaSuccess);
  launch_wild_write(data_, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "the launch itself was fine";
  looked_at.set_value();
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("wild_write_kernel"), std::string::npos) << said;
  EXPECT_NE(said.find("CTA (0,0,0)"), std::string::npos) << said;
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress) << "reading does not clear it";
  void* more = nullptr;
  EXPECT_EQ(cudaMalloc(&more, 4), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaMemset(data_, 0, 4), cudaErrorIllegalAddress);
  launch_fill(data_, 1, 1, nullptr);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorIllegalAddress);
}

TEST_F(FaultTest, OtherDevicesGoOn) {
  testing::internal::CaptureStderr();
  launch_wild_write(data_, nullptr);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  static_cast<void>(testing::internal::GetCapturedStderr());
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
  launch_fill(static_cast<int*>(memory), 1, 5, nullptr);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(0), cudaErrorIllegalAddress);
}

TEST_F(FaultTest, WorkBehindAFaultNeverRuns) {
  void* host = nullptr;
  ASSERT_EQ(cudaMallocHost(&host, 4), cudaSuccess);
  *static_cast<int*>(host) = 7;
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  testing::internal::CaptureStderr();
  launch_wild_write(data_, stream);
  launch_fill(static_cast<int*>(host), 1, 8, stream);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
  static_cast<void>(testing::internal::GetCapturedStderr());
  EXPECT_EQ(*static_cast<int*>(host), 7);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(FaultTest, MisalignedAccessHasItsOwnError) {
  testing::internal::CaptureStderr();
  launch_misaligned_read(reinterpret_cast<const char*>(data_), data_ + 8, nullptr);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorMisalignedAddress);
  static_cast<void>(testing::internal::GetCapturedStderr());
}

TEST_F(FaultTest, UseAfterFreeIsFound) {
  void* gone = nullptr;
  ASSERT_EQ(cudaMalloc(&gone, 64), cudaSuccess);
  ASSERT_EQ(cudaFree(gone), cudaSuccess);
  testing::internal::CaptureStderr();
  launch_fill(static_cast<int*>(gone), 1, 1, nullptr);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("free"), std::string::npos);
}

}  // namespace
}  // namespace rackproof::test

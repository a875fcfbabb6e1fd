// Launch checks, function attributes, occupancy, devices, peers, refusals, counts of work.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <dlfcn.h>
#include <string>
#include <vector>

namespace rackproof::test {
namespace {

class LaunchTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    void* memory = nullptr;
    ASSERT_EQ(cudaMalloc(&memory, 4096), cudaSuccess);
    data_ = static_cast<int*>(memory);
  }
  void TearDown() override { EXPECT_EQ(cudaDeviceReset(), cudaSuccess); }

  cudaError_t launch(const void* kernel, dim3 grid, dim3 block, std::size_t shared = 0) {
    int* data = data_;
    int n = 1;
    int value = 1;
    void* arguments[] = {&data, &n, &value};
    return cudaLaunchKernel(kernel, grid, block, arguments, shared, nullptr);
  }
  int* data_ = nullptr;
};

TEST_F(LaunchTest, BadShapesAreRefusedAtOnce) {
  EXPECT_EQ(launch(kFillKernel, 0, 32), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(kFillKernel, 1, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(kFillKernel, 1, 1025), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(kFillKernel, 1, dim3(1, 1, 65)), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(kFillKernel, dim3(1, 65536, 1), 1), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(kBoundedKernel, 1, 129), cudaErrorInvalidValue) << "__launch_bounds__(128)";
  int not_a_kernel = 0;
  EXPECT_EQ(launch(&not_a_kernel, 1, 1), cudaErrorInvalidDeviceFunction);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess) << "none of these is sticky";
}

TEST_F(LaunchTest, DynamicSharedMemoryNeedsPermissionBeyond48KiB) {
  constexpr std::size_t kBytes = 100 * 1024;
  EXPECT_EQ(launch(kDynamicSharedKernel, 1, 64, kBytes), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(kDynamicSharedKernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 228 * 1024),
            cudaErrorInvalidValue)
      << "more than a CTA may have";
  ASSERT_EQ(cudaFuncSetAttribute(kDynamicSharedKernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 kBytes),
            cudaSuccess);
  EXPECT_EQ(launch(kDynamicSharedKernel, 1, 64, kBytes), cudaSuccess);
  std::vector<int> out(64);
  ASSERT_EQ(cudaMemcpy(out.data(), data_, 256, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(out[0], 63);
  EXPECT_EQ(out[63], 0);
}

TEST_F(LaunchTest, AttributesComeFromTheCubin) {
  cudaFuncAttributes attributes{};
  ASSERT_EQ(cudaFuncGetAttributes(&attributes, kBoundedKernel), cudaSuccess);
  EXPECT_EQ(attributes.sharedSizeBytes, 1024U);
  EXPECT_EQ(attributes.maxThreadsPerBlock, 128);
  EXPECT_GT(attributes.numRegs, 0);
  EXPECT_LE(attributes.numRegs, 64);
  EXPECT_EQ(attributes.localSizeBytes, 0U);
  EXPECT_EQ(attributes.ptxVersion, 80);
  EXPECT_EQ(attributes.binaryVersion, 103);
  EXPECT_EQ(attributes.maxDynamicSharedSizeBytes, 48 * 1024 - 1024);
}

TEST_F(LaunchTest, OccupancyFollowsSharedMemory) {
  int blocks = 0;
  // 1 KiB static, 1 KiB reserved, 112 KiB dynamic: two CTAs in 228 KiB.
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kBoundedKernel, 128, 112 * 1024),
            cudaSuccess);
  EXPECT_EQ(blocks, 2);
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kFillKernel, 1024, 0),
            cudaSuccess);
  EXPECT_EQ(blocks, 2);
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kBoundedKernel, 256, 0),
            cudaSuccess);
  EXPECT_EQ(blocks, 0) << "beyond its launch bounds";
}

TEST_F(LaunchTest, CooperativeGridsMustBeResident) {
  int* data = data_;
  int n = 1;
  int value = 1;
  void* arguments[] = {&data, &n, &value};
  // Two CTAs of 1024 threads on each of 152 SMs.
  EXPECT_EQ(cudaLaunchCooperativeKernel(kFillKernel, 304, 1024, arguments, 0, nullptr),
            cudaSuccess);
  EXPECT_EQ(cudaLaunchCooperativeKernel(kFillKernel, 305, 1024, arguments, 0, nullptr),
            cudaErrorCooperativeLaunchTooLarge);
}

TEST_F(LaunchTest, StreamsOfOtherDevicesAreRefused) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  launch_fill(data_, 1, 1, stream);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(LaunchTest, PeersOfATrayReachEachOther) {
  int answer = 0;
  EXPECT_EQ(cudaDeviceCanAccessPeer(&answer, 0, 3), cudaSuccess);
  EXPECT_EQ(answer, 1);
  EXPECT_EQ(cudaDeviceDisablePeerAccess(1), cudaErrorPeerAccessNotEnabled);
  EXPECT_EQ(cudaDeviceEnablePeerAccess(1, 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceEnablePeerAccess(1, 0), cudaErrorPeerAccessAlreadyEnabled);
  EXPECT_EQ(cudaDeviceEnablePeerAccess(0, 0), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaDeviceEnablePeerAccess(4, 0), cudaErrorInvalidDevice);
}

TEST_F(LaunchTest, WhatIsNotEmulatedSaysSoOnce) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(cudaFreeArray(nullptr), cudaErrorNotSupported);
  EXPECT_EQ(cudaFreeArray(nullptr), cudaErrorNotSupported);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("cudaFreeArray"), std::string::npos);
  EXPECT_EQ(said.find("cudaFreeArray"), said.rfind("cudaFreeArray")) << said;
}

TEST_F(LaunchTest, ErrorsHaveNamesAndTexts) {
  EXPECT_STREQ(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress");
  EXPECT_STREQ(cudaGetErrorString(cudaSuccess), "no error");
  EXPECT_STREQ(cudaGetErrorName(static_cast<cudaError_t>(12345)), "unrecognized error code");
}

struct WorkCounters {
  std::uint64_t kernels, ctas, warp_instructions, thread_instructions, matrix_instructions;
  double tensor_flops, fp32_flops;
  std::uint64_t global_requests, global_sectors, global_sectors_minimum;
  std::uint64_t global_load_bytes, global_store_bytes, unique_global_bytes;
  std::uint64_t shared_requests, shared_wavefronts, shared_wavefronts_minimum;
  std::uint64_t async_copy_bytes, barrier_waits;
};

TEST_F(LaunchTest, WorkIsCountedExactly) {
  const auto read =
      reinterpret_cast<int (*)(WorkCounters*)>(dlsym(RTLD_DEFAULT, "rackproof_work_counters_v2"));
  ASSERT_NE(read, nullptr);
  WorkCounters before{};
  ASSERT_EQ(read(&before), 0);
  launch_fill(data_, 100, 7, nullptr);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  WorkCounters after{};
  ASSERT_EQ(read(&after), 0);
  EXPECT_EQ(after.kernels - before.kernels, 1U);
  EXPECT_EQ(after.global_store_bytes - before.global_store_bytes, 400U);
  EXPECT_EQ(after.global_load_bytes, before.global_load_bytes);
  EXPECT_EQ(after.global_requests - before.global_requests, 4U) << "three full warps and a part";
  // 100 ints from an address that is a multiple of 256: 12.5 sectors of 32 bytes.
  EXPECT_EQ(after.global_sectors - before.global_sectors, 13U);
  EXPECT_EQ(after.global_sectors_minimum - before.global_sectors_minimum, 13U);
  EXPECT_EQ(after.unique_global_bytes - before.unique_global_bytes, 13U * 32);
  EXPECT_GT(after.thread_instructions - before.thread_instructions, 100U);
  EXPECT_GT(after.warp_instructions, before.warp_instructions);
  EXPECT_EQ(after.tensor_flops, before.tensor_flops);
  EXPECT_EQ(after.shared_requests, before.shared_requests);
  EXPECT_NE(read(nullptr), 0);
}

}  // namespace
}  // namespace rackproof::test

// Stream-ordered memory pools, managed memory's advice, batches, boxes between devices, stream
// attributes, libraries.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <vector>

namespace rackproof::test {
namespace {

class PoolTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, 0};
    ASSERT_EQ(cudaMemPoolCreate(&pool_, &properties), cudaSuccess);
  }
  void TearDown() override {
    EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
    EXPECT_EQ(cudaMemPoolDestroy(pool_), cudaSuccess);
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
  }
  std::uint64_t get(cudaMemPoolAttr attribute) {
    std::uint64_t value = ~std::uint64_t{0};
    EXPECT_EQ(cudaMemPoolGetAttribute(pool_, attribute, &value), cudaSuccess);
    return value;
  }
  static std::size_t free_bytes() {
    std::size_t bytes = 0;
    std::size_t total = 0;
    EXPECT_EQ(cudaMemGetInfo(&bytes, &total), cudaSuccess);
    return bytes;
  }

  cudaStream_t stream_ = nullptr;
  cudaMemPool_t pool_ = nullptr;
};

TEST_F(PoolTest, MemoryIsKeptUpToTheThresholdAndGivenBackAtSynchronisation) {
  constexpr std::size_t kBytes = std::size_t{8} << 20U;
  const std::size_t before = free_bytes();
  void* memory = nullptr;
  ASSERT_EQ(cudaMallocFromPoolAsync(&memory, kBytes, pool_, stream_), cudaSuccess);
  EXPECT_EQ(get(cudaMemPoolAttrUsedMemCurrent), kBytes);
  EXPECT_GE(get(cudaMemPoolAttrReservedMemCurrent), kBytes);
  EXPECT_EQ(before - free_bytes(), get(cudaMemPoolAttrReservedMemCurrent));
  ASSERT_EQ(cudaFreeAsync(memory, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(get(cudaMemPoolAttrUsedMemCurrent), 0U);
  EXPECT_EQ(get(cudaMemPoolAttrReservedMemCurrent), 0U) << "the threshold is 0 by default";
  EXPECT_EQ(get(cudaMemPoolAttrUsedMemHigh), kBytes);
  std::uint64_t everything = ~std::uint64_t{0};
  ASSERT_EQ(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &everything),
            cudaSuccess);
  ASSERT_EQ(cudaMallocFromPoolAsync(&memory, kBytes, pool_, stream_), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(memory, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(get(cudaMemPoolAttrReservedMemCurrent), kBytes);
  ASSERT_EQ(cudaMemPoolTrimTo(pool_, 0), cudaSuccess);
  EXPECT_EQ(get(cudaMemPoolAttrReservedMemCurrent), 0U);
  EXPECT_EQ(free_bytes(), before);
  std::uint64_t value = 5;
  EXPECT_EQ(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrUsedMemHigh, &value),
            cudaErrorInvalidValue);
  value = 0;
  EXPECT_EQ(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrUsedMemHigh, &value), cudaSuccess);
  EXPECT_EQ(get(cudaMemPoolAttrUsedMemHigh), 0U);
  EXPECT_EQ(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &value),
            cudaErrorInvalidValue);
}

TEST_F(PoolTest, PendingFreesMakeRoom) {
  const std::size_t most = free_bytes() / 4 * 3;
  for (int i = 0; i < 3; ++i) {
    void* memory = nullptr;
    ASSERT_EQ(cudaMallocFromPoolAsync(&memory, most, pool_, stream_), cudaSuccess) << i;
    launch_slow_increment(static_cast<int*>(memory), 128, 2000, stream_);
    ASSERT_EQ(cudaFreeAsync(memory, stream_), cudaSuccess);
  }
  void* memory = nullptr;
  EXPECT_EQ(cudaMallocFromPoolAsync(&memory, most * 2, pool_, stream_), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
}

TEST_F(PoolTest, DefaultsAccessAndErrors) {
  cudaMemPool_t standard = nullptr;
  cudaMemPool_t current = nullptr;
  ASSERT_EQ(cudaDeviceGetDefaultMemPool(&standard, 0), cudaSuccess);
  EXPECT_EQ(cudaMemPoolDestroy(standard), cudaErrorInvalidValue);
  ASSERT_EQ(cudaDeviceSetMemPool(0, pool_), cudaSuccess);
  ASSERT_EQ(cudaDeviceGetMemPool(&current, 0), cudaSuccess);
  EXPECT_EQ(current, pool_);
  void* memory = nullptr;
  ASSERT_EQ(cudaMallocAsync(&memory, 4096, stream_), cudaSuccess);
  EXPECT_EQ(get(cudaMemPoolAttrUsedMemCurrent), 4096U);
  ASSERT_EQ(cudaFree(memory), cudaSuccess) << "cudaFree frees it too";
  EXPECT_EQ(get(cudaMemPoolAttrUsedMemCurrent), 0U);
  ASSERT_EQ(cudaDeviceSetMemPool(0, standard), cudaSuccess);
  EXPECT_EQ(cudaDeviceSetMemPool(1, pool_), cudaErrorInvalidValue) << "of another device";
  int follows = 0;
  EXPECT_EQ(cudaMemPoolGetAttribute(pool_, cudaMemPoolReuseFollowEventDependencies, &follows),
            cudaSuccess);
  EXPECT_EQ(follows, 1) << "on by default";
  cudaMemAccessFlags flags = cudaMemAccessFlagsProtReadWrite;
  cudaMemLocation peer = {cudaMemLocationTypeDevice, 1};
  ASSERT_EQ(cudaMemPoolGetAccess(&flags, pool_, &peer), cudaSuccess);
  EXPECT_EQ(flags, cudaMemAccessFlagsProtNone);
  cudaMemAccessDesc access{peer, cudaMemAccessFlagsProtReadWrite};
  ASSERT_EQ(cudaMemPoolSetAccess(pool_, &access, 1), cudaSuccess);
  ASSERT_EQ(cudaMemPoolGetAccess(&flags, pool_, &peer), cudaSuccess);
  EXPECT_EQ(flags, cudaMemAccessFlagsProtReadWrite);
  access = {{cudaMemLocationTypeDevice, 0}, cudaMemAccessFlagsProtNone};
  EXPECT_EQ(cudaMemPoolSetAccess(pool_, &access, 1), cudaErrorInvalidValue)
      << "a pool's own device keeps its access";
  int file = -1;
  EXPECT_EQ(
      cudaMemPoolExportToShareableHandle(&file, pool_, cudaMemHandleTypePosixFileDescriptor, 0),
      cudaErrorInvalidValue)
      << "not made for it";
  cudaMemPoolProps wrong{};
  EXPECT_EQ(cudaMemPoolCreate(&current, &wrong), cudaErrorInvalidValue);
}

TEST_F(PoolTest, ManagedMemoryRemembersAdviceAndPrefetches) {
  void* memory = nullptr;
  ASSERT_EQ(cudaMallocManaged(&memory, 4096, cudaMemAttachGlobal), cudaSuccess);
  const cudaMemLocation second = {cudaMemLocationTypeDevice, 1};
  const cudaMemLocation host = {cudaMemLocationTypeHost, 0};
  int value = -5;
  ASSERT_EQ(cudaMemRangeGetAttribute(&value, 4, cudaMemRangeAttributePreferredLocation, memory, 64),
            cudaSuccess);
  EXPECT_EQ(value, cudaInvalidDeviceId);
  ASSERT_EQ(cudaMemAdvise(memory, 4096, cudaMemAdviseSetPreferredLocation, host), cudaSuccess);
  ASSERT_EQ(cudaMemAdvise(memory, 4096, cudaMemAdviseSetReadMostly, host), cudaSuccess);
  ASSERT_EQ(cudaMemAdvise(memory, 4096, cudaMemAdviseSetAccessedBy, second), cudaSuccess);
  ASSERT_EQ(cudaMemPrefetchAsync(memory, 4096, second, 0, stream_), cudaSuccess);
  EXPECT_EQ(cudaMemRangeGetAttribute(&value, 4, cudaMemRangeAttributePreferredLocation, memory, 64),
            cudaSuccess);
  EXPECT_EQ(value, cudaCpuDeviceId);
  EXPECT_EQ(cudaMemRangeGetAttribute(&value, 4, cudaMemRangeAttributeReadMostly, memory, 64),
            cudaSuccess);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(
      cudaMemRangeGetAttribute(&value, 4, cudaMemRangeAttributeLastPrefetchLocation, memory, 64),
      cudaSuccess);
  EXPECT_EQ(value, 1);
  std::array<int, 2> devices{};
  EXPECT_EQ(
      cudaMemRangeGetAttribute(devices.data(), 8, cudaMemRangeAttributeAccessedBy, memory, 64),
      cudaSuccess);
  EXPECT_EQ(devices, (std::array{1, cudaInvalidDeviceId}));
  EXPECT_EQ(cudaMemPrefetchAsync(memory, 4097, second, 0, stream_), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemPrefetchAsync(memory, 64, {cudaMemLocationTypeDevice, 99}, 0, stream_),
            cudaErrorInvalidDevice);
  EXPECT_EQ(cudaMemAdvise(&value, 4, cudaMemAdviseSetReadMostly, host), cudaErrorInvalidValue)
      << "not managed";
  EXPECT_EQ(cudaStreamAttachMemAsync(stream_, memory, 0, cudaMemAttachSingle), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
}

TEST_F(PoolTest, BatchesAndBoxesBetweenDevicesCopyAllTheirParts) {
  std::vector<int> host(64);
  std::iota(host.begin(), host.end(), 0);
  void* first = nullptr;
  void* second = nullptr;
  ASSERT_EQ(cudaMalloc(&first, 256), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&second, 256), cudaSuccess);
  ASSERT_EQ(cudaMemset(second, 0, 256), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  const std::array<void*, 2> to = {first, static_cast<int*>(first) + 32};
  const std::array<const void*, 2> from = {host.data(), host.data() + 32};
  const std::array<std::size_t, 2> sizes = {128, 128};
  cudaMemcpyAttributes attributes{};
  attributes.srcAccessOrder = cudaMemcpySrcAccessOrderDuringApiCall;
  std::size_t begin = 0;
  ASSERT_EQ(cudaMemcpyBatchAsync(to.data(), from.data(), sizes.data(), 2, &attributes, &begin, 1,
                                 stream_),
            cudaSuccess);
  EXPECT_EQ(cudaMemcpyBatchAsync(to.data(), from.data(), sizes.data(), 2, &attributes, &begin, 1,
                                 nullptr),
            cudaErrorInvalidValue)
      << "not in the legacy stream";
  // 2 slices of 3 rows of 2 ints, out of rows of 4 ints and slices of 4 rows.
  cudaMemcpy3DPeerParms box{};
  box.srcDevice = 0;
  box.srcPtr = {first, 16, 16, 4};
  box.dstDevice = 1;
  box.dstPtr = {second, 8, 8, 3};
  box.srcPos = {4, 1, 0};
  box.extent = {8, 3, 2};
  ASSERT_EQ(cudaMemcpy3DPeerAsync(&box, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  std::vector<int> out(12);
  ASSERT_EQ(cudaMemcpy(out.data(), second, 48, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(out, (std::vector<int>{5, 6, 9, 10, 13, 14, 21, 22, 25, 26, 29, 30}));
  box.dstDevice = 77;
  EXPECT_EQ(cudaMemcpy3DPeer(&box), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaMemcpyPeer(first, 0, second, -1, 4), cudaErrorInvalidDevice);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  EXPECT_EQ(cudaFree(second), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
}

TEST_F(PoolTest, StreamAttributesAreKeptAndCopied) {
  cudaLaunchAttributeValue value{};
  ASSERT_EQ(cudaStreamGetAttribute(stream_, cudaLaunchAttributeSynchronizationPolicy, &value),
            cudaSuccess);
  EXPECT_EQ(value.syncPolicy, cudaSyncPolicyAuto);
  value.syncPolicy = cudaSyncPolicyYield;
  ASSERT_EQ(cudaStreamSetAttribute(stream_, cudaLaunchAttributeSynchronizationPolicy, &value),
            cudaSuccess);
  cudaStream_t other = nullptr;
  ASSERT_EQ(cudaStreamCreate(&other), cudaSuccess);
  ASSERT_EQ(cudaStreamCopyAttributes(other, stream_), cudaSuccess);
  value = {};
  ASSERT_EQ(cudaStreamGetAttribute(other, cudaLaunchAttributeSynchronizationPolicy, &value),
            cudaSuccess);
  EXPECT_EQ(value.syncPolicy, cudaSyncPolicyYield);
  EXPECT_EQ(cudaStreamSetAttribute(other, cudaLaunchAttributeCooperative, &value),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

TEST_F(PoolTest, LibrariesAreLoadedFromTextAndLaunched) {
  const char* const code =
      ".version 8.0\n.target sm_80\n.address_size 64\n"
      ".visible .global .align 4 .u32 base = 30;\n"
      ".visible .entry store(.param .u64 out, .param .u32 value) {\n"
      "  .reg .u64 %a; .reg .u32 %v, %b;\n"
      "  ld.param.u64 %a, [out]; ld.param.u32 %v, [value];\n"
      "  ld.global.u32 %b, [base]; add.u32 %v, %v, %b;\n"
      "  st.global.u32 [%a], %v; ret; }\n";
  cudaLibrary_t library = nullptr;
  ASSERT_EQ(cudaLibraryLoadData(&library, code, nullptr, nullptr, 0, nullptr, nullptr, 0),
            cudaSuccess);
  unsigned count = 0;
  EXPECT_EQ(cudaLibraryGetKernelCount(&count, library), cudaSuccess);
  EXPECT_EQ(count, 1U);
  cudaKernel_t kernel = nullptr;
  EXPECT_EQ(cudaLibraryGetKernel(&kernel, library, "other"), cudaErrorSymbolNotFound);
  ASSERT_EQ(cudaLibraryGetKernel(&kernel, library, "store"), cudaSuccess);
  cudaKernel_t listed = nullptr;
  EXPECT_EQ(cudaLibraryEnumerateKernels(&listed, 1, library), cudaSuccess);
  EXPECT_EQ(listed, kernel);
  void* out = nullptr;
  ASSERT_EQ(cudaMalloc(&out, 4), cudaSuccess);
  int value = 12;
  std::array<void*, 2> arguments = {&out, &value};
  ASSERT_EQ(cudaLaunchKernel(kernel, {1, 1, 1}, {1, 1, 1}, arguments.data(), 0, stream_),
            cudaSuccess);
  int host = 0;
  ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  ASSERT_EQ(cudaMemcpy(&host, out, 4, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host, 42);
  void* base = nullptr;
  std::size_t bytes = 0;
  ASSERT_EQ(cudaLibraryGetGlobal(&base, &bytes, library, "base"), cudaSuccess);
  EXPECT_EQ(bytes, 4U);
  EXPECT_EQ(cudaMemcpy(&host, base, 4, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host, 30);
  EXPECT_EQ(cudaLibraryUnload(library), cudaSuccess);
}

}  // namespace
}  // namespace rackproof::test

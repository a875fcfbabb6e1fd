// Memory shared between processes: cudaIpc handles and fabric handles, with the probe as the peer.

#include "tests/emulator/api/subprocess.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <chrono>
#include <dlfcn.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace rackproof::test {
namespace {

std::string hex(const void* bytes, std::size_t size) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

void expect_shared(int* memory, const std::string& arguments) {
  const int first = 4711;
  ASSERT_EQ(cudaMemcpy(memory, &first, 4, cudaMemcpyHostToDevice), cudaSuccess);
  const ProcessResult peer = run_probe("", arguments);
  ASSERT_EQ(peer.exit_code, 0) << peer.output;
  EXPECT_EQ(peer.answers.at("first"), "4711");
  int second = 0;
  ASSERT_EQ(cudaMemcpy(&second, memory + 1, 4, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(second, 77) << "the other process wrote it";
}

TEST(Ipc, AnotherProcessReadsAndWrites) {
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  void* before = nullptr;
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&before, 100), cudaSuccess);  // so that the offset is not a page
  ASSERT_EQ(cudaMalloc(&memory, 8192), cudaSuccess);
  cudaIpcMemHandle_t handle{};
  ASSERT_EQ(cudaIpcGetMemHandle(&handle, memory), cudaSuccess);
  expect_shared(static_cast<int*>(memory), "ipc " + hex(&handle, sizeof handle));
  void* again = nullptr;
  EXPECT_EQ(cudaIpcOpenMemHandle(&again, handle, cudaIpcMemLazyEnablePeerAccess),
            cudaErrorDeviceUninitialized)
      << "not in the process that exported it";
  int local = 0;
  EXPECT_EQ(cudaIpcGetMemHandle(&handle, &local), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaFree(before), cudaSuccess);
}

TEST(Ipc, AForgedHandleIsRefused) {
  const std::vector<unsigned char> nonsense(sizeof(cudaIpcMemHandle_t), 0x42);
  const ProcessResult peer = run_probe("", "ipc " + hex(nonsense.data(), nonsense.size()));
  EXPECT_EQ(peer.exit_code, 1);
  EXPECT_EQ(peer.answers.at("open"), "cudaErrorInvalidValue");
}

TEST(Ipc, PoolsAreSharedByDescriptor) {
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.handleTypes = cudaMemHandleTypePosixFileDescriptor;
  properties.location = {cudaMemLocationTypeDevice, 0};
  cudaMemPool_t pool = nullptr;
  ASSERT_EQ(cudaMemPoolCreate(&pool, &properties), cudaSuccess);
  void* memory = nullptr;
  ASSERT_EQ(cudaMallocFromPoolAsync(&memory, 5000, pool, nullptr), cudaSuccess);
  int file = -1;
  ASSERT_EQ(
      cudaMemPoolExportToShareableHandle(&file, pool, cudaMemHandleTypePosixFileDescriptor, 0),
      cudaSuccess);
  cudaMemPoolPtrExportData data{};
  ASSERT_EQ(cudaMemPoolExportPointer(&data, memory), cudaSuccess);
  expect_shared(static_cast<int*>(memory), "pool /proc/" + std::to_string(getpid()) + "/fd/" +
                                               std::to_string(file) + " " +
                                               hex(&data, sizeof data));
  EXPECT_EQ(cudaMemPoolImportPointer(&memory, pool, &data), cudaErrorInvalidValue)
      << "the pool is this process's own";
  close(file);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaMemPoolDestroy(pool), cudaSuccess);
}

TEST(Ipc, EventsOrderProcesses) {
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  cudaEvent_t event = nullptr;
  EXPECT_EQ(cudaEventCreateWithFlags(&event, cudaEventInterprocess), cudaErrorInvalidValue)
      << "there is no common clock";
  ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventInterprocess | cudaEventDisableTiming),
            cudaSuccess);
  cudaIpcEventHandle_t handle{};
  ASSERT_EQ(cudaIpcGetEventHandle(&handle, event), cudaSuccess);
  // The record is held back until the other process has looked at it.
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaLaunchHostFunc(
                stream, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(700)); },
                nullptr),
            cudaSuccess);
  ASSERT_EQ(cudaEventRecord(event, stream), cudaSuccess);
  const ProcessResult peer = run_probe("", "event " + hex(&handle, sizeof handle));
  EXPECT_EQ(peer.exit_code, 0) << peer.output;
  EXPECT_EQ(peer.answers.at("query"), "cudaErrorNotReady");
  EXPECT_EQ(peer.answers.at("reached"), "cudaSuccess");
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess) << "the other process's record too";
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
  cudaEvent_t plain = nullptr;
  ASSERT_EQ(cudaEventCreate(&plain), cudaSuccess);
  EXPECT_EQ(cudaIpcGetEventHandle(&handle, plain), cudaErrorInvalidValue);
  EXPECT_EQ(cudaEventDestroy(plain), cudaSuccess);
}

TEST(Ipc, FabricHandlesReachOtherProcesses) {
  ASSERT_EQ(cudaFree(nullptr), cudaSuccess);
  void* library = dlopen("libcuda.so.1", RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto init = reinterpret_cast<decltype(&cuInit)>(dlsym(library, "cuInit"));
  const auto create = reinterpret_cast<decltype(&cuMemCreate)>(dlsym(library, "cuMemCreate"));
  const auto reserve =
      reinterpret_cast<decltype(&cuMemAddressReserve)>(dlsym(library, "cuMemAddressReserve"));
  const auto map = reinterpret_cast<decltype(&cuMemMap)>(dlsym(library, "cuMemMap"));
  const auto access = reinterpret_cast<decltype(&cuMemSetAccess)>(dlsym(library, "cuMemSetAccess"));
  const auto share = reinterpret_cast<decltype(&cuMemExportToShareableHandle)>(
      dlsym(library, "cuMemExportToShareableHandle"));
  constexpr std::size_t kBytes = 2 << 20;
  ASSERT_EQ(init(0), CUDA_SUCCESS);
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_FABRIC;
  CUmemGenericAllocationHandle handle = 0;
  EXPECT_EQ(create(&handle, kBytes - 1, &properties, 0), CUDA_ERROR_INVALID_VALUE)
      << "not a multiple of the granularity";
  ASSERT_EQ(create(&handle, kBytes, &properties, 0), CUDA_SUCCESS);
  CUdeviceptr address = 0;
  ASSERT_EQ(reserve(&address, kBytes, 0, 0, 0), CUDA_SUCCESS);
  ASSERT_EQ(map(address, kBytes, 0, handle, 0), CUDA_SUCCESS);
  int value = 0;
  EXPECT_EQ(cudaMemcpy(reinterpret_cast<void*>(address), &value, 4, cudaMemcpyHostToDevice),
            cudaErrorInvalidValue)
      << "no access yet";
  CUmemAccessDesc everyone{};
  everyone.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  everyone.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  ASSERT_EQ(access(address, kBytes, &everyone, 1), CUDA_SUCCESS);
  CUmemFabricHandle name{};
  ASSERT_EQ(share(&name, handle, CU_MEM_HANDLE_TYPE_FABRIC, 0), CUDA_SUCCESS);
  expect_shared(reinterpret_cast<int*>(address), "fabric " + hex(&name, sizeof name));
}

}  // namespace
}  // namespace rackproof::test

// Memory shared between processes: cudaIpc handles and fabric handles, with the probe as the peer.

#include "tests/emulator/api/subprocess.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <dlfcn.h>
#include <string>
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

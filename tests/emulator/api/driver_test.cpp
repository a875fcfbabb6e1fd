// The driver API through cudaGetDriverEntryPointByVersion: contexts, a PTX module, a launch.

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <string>

namespace rackproof::test {
namespace {

constexpr const char* kPtx = R"(
.version 9.0
.target sm_80
.address_size 64
.visible .global .align 4 .u32 factor = 3;
.visible .entry scale(.param .u64 out, .param .u32 value)
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [value];
  cvta.to.global.u64 %rd2, %rd1;
  mov.u32 %r2, %tid.x;
  ld.global.u32 %r3, [factor];
  mad.lo.s32 %r4, %r2, %r3, %r1;
  mul.wide.u32 %rd3, %r2, 4;
  add.s64 %rd4, %rd2, %rd3;
  st.global.u32 [%rd4], %r4;
  ret;
}
)";

template <typename Function>
Function entry(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result{};
  EXPECT_EQ(cudaGetDriverEntryPointByVersion(name, &function, 13000, cudaEnableDefault, &result),
            cudaSuccess);
  EXPECT_EQ(result, cudaDriverEntryPointSuccess) << name;
  return reinterpret_cast<Function>(function);
}

class DriverTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(entry<decltype(&cuInit)>("cuInit")(0), CUDA_SUCCESS);
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    ASSERT_EQ(cudaFree(nullptr), cudaSuccess);
  }
};

TEST_F(DriverTest, LoadsPtxAndLaunchesWithBothWaysOfPassingParameters) {
  CUmodule module = nullptr;
  ASSERT_EQ(entry<decltype(&cuModuleLoadData)>("cuModuleLoadData")(&module, kPtx), CUDA_SUCCESS);
  CUfunction function = nullptr;
  const auto get = entry<decltype(&cuModuleGetFunction)>("cuModuleGetFunction");
  ASSERT_EQ(get(&function, module, "scale"), CUDA_SUCCESS);
  CUfunction missing = nullptr;
  EXPECT_EQ(get(&missing, module, "no_such"), CUDA_ERROR_NOT_FOUND);
  CUdeviceptr out = 0;
  ASSERT_EQ(entry<decltype(&cuMemAlloc)>("cuMemAlloc")(&out, 128), CUDA_SUCCESS);
  unsigned value = 10;
  void* arguments[] = {&out, &value};
  const auto launch = entry<decltype(&cuLaunchKernel)>("cuLaunchKernel");
  ASSERT_EQ(launch(function, 1, 1, 1, 32, 1, 1, 0, nullptr, arguments, nullptr), CUDA_SUCCESS);
  unsigned host[32] = {};
  const auto read = entry<decltype(&cuMemcpyDtoH)>("cuMemcpyDtoH");
  ASSERT_EQ(read(host, out, 128), CUDA_SUCCESS);
  EXPECT_EQ(host[31], 31U * 3 + 10);

  struct {
    CUdeviceptr out;
    unsigned value;
  } block{out, 20};
  std::size_t size = 12;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_BUFFER_SIZE, &size,
                   CU_LAUNCH_PARAM_END};
  CUdeviceptr factor = 0;
  ASSERT_EQ(
      entry<decltype(&cuModuleGetGlobal)>("cuModuleGetGlobal")(&factor, &size, module, "factor"),
      CUDA_SUCCESS);
  EXPECT_EQ(size, 4U);
  size = 12;
  ASSERT_EQ(entry<decltype(&cuMemsetD32)>("cuMemsetD32")(factor, 5, 1), CUDA_SUCCESS);
  ASSERT_EQ(launch(function, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra), CUDA_SUCCESS);
  ASSERT_EQ(read(host, out, 128), CUDA_SUCCESS);
  EXPECT_EQ(host[31], 31U * 5 + 20);
  EXPECT_EQ(launch(nullptr, 1, 1, 1, 32, 1, 1, 0, nullptr, arguments, nullptr),
            CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(DriverTest, BadPtxIsRefusedWithItsLine) {
  CUmodule module = nullptr;
  testing::internal::CaptureStderr();
  EXPECT_EQ(entry<decltype(&cuModuleLoadData)>("cuModuleLoadData")(
                &module, ".version 9.0\n.target sm_80\n.address_size 64\nnonsense\n"),
            CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(":4:"), std::string::npos);
}

TEST_F(DriverTest, ContextsFollowTheDevice) {
  const auto current = entry<decltype(&cuCtxGetCurrent)>("cuCtxGetCurrent");
  // Since 13.0 it takes the context; nullptr: the current one.
  const auto device_of = [ask = entry<decltype(&cuCtxGetDevice_v2)>("cuCtxGetDevice")](
                             CUdevice* device) { return ask(device, nullptr); };
  CUcontext second = nullptr;
  ASSERT_EQ(entry<decltype(&cuDevicePrimaryCtxRetain)>("cuDevicePrimaryCtxRetain")(&second, 2),
            CUDA_SUCCESS);
  ASSERT_EQ(entry<decltype(&cuCtxPushCurrent)>("cuCtxPushCurrent")(second), CUDA_SUCCESS);
  CUdevice device = -1;
  ASSERT_EQ(device_of(&device), CUDA_SUCCESS);
  EXPECT_EQ(device, 2);
  int runtime_device = -1;
  EXPECT_EQ(cudaGetDevice(&runtime_device), cudaSuccess);
  EXPECT_EQ(runtime_device, 2) << "runtime and driver share the current device";
  CUcontext popped = nullptr;
  ASSERT_EQ(entry<decltype(&cuCtxPopCurrent)>("cuCtxPopCurrent")(&popped), CUDA_SUCCESS);
  EXPECT_EQ(popped, second);
  ASSERT_EQ(device_of(&device), CUDA_SUCCESS);
  EXPECT_EQ(device, 0);
  ASSERT_EQ(entry<decltype(&cuCtxSetCurrent)>("cuCtxSetCurrent")(nullptr), CUDA_SUCCESS);
  CUcontext none = second;
  ASSERT_EQ(current(&none), CUDA_SUCCESS);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(device_of(&device), CUDA_ERROR_INVALID_CONTEXT);
}

TEST_F(DriverTest, CreatedContextsStackOnTheThread) {
  const auto current = entry<decltype(&cuCtxGetCurrent)>("cuCtxGetCurrent");
  CUcontext primary = nullptr;
  ASSERT_EQ(current(&primary), CUDA_SUCCESS);
  CUcontext created = nullptr;
  ASSERT_EQ(entry<decltype(&cuCtxCreate_v4)>("cuCtxCreate")(&created, nullptr, 0, 1), CUDA_SUCCESS);
  CUcontext now = nullptr;
  ASSERT_EQ(current(&now), CUDA_SUCCESS);
  EXPECT_EQ(now, created);
  EXPECT_NE(created, primary);
  int device = -1;
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
  EXPECT_EQ(device, 1);
  const auto destroy = entry<decltype(&cuCtxDestroy)>("cuCtxDestroy");
  EXPECT_EQ(destroy(primary), CUDA_ERROR_INVALID_CONTEXT) << "primary contexts are released";
  ASSERT_EQ(destroy(created), CUDA_SUCCESS);
  ASSERT_EQ(current(&now), CUDA_SUCCESS);
  EXPECT_EQ(now, primary);
  EXPECT_EQ(entry<decltype(&cuCtxSetCurrent)>("cuCtxSetCurrent")(created),
            CUDA_ERROR_INVALID_CONTEXT);
}

TEST_F(DriverTest, AskingForAnOlderVersionGivesItsParameters) {
  const auto find = [](const char* name, int version, CUdriverProcAddressQueryResult* result) {
    void* function = nullptr;
    (void)entry<decltype(&cuGetProcAddress)>("cuGetProcAddress")(name, &function, version, 0,
                                                                 result);
    return function;
  };
  CUdriverProcAddressQueryResult result{};
  using Create3020 = CUresult (*)(CUcontext*, unsigned, CUdevice);
  const auto create = reinterpret_cast<Create3020>(find("cuCtxCreate", 11030, &result));
  ASSERT_EQ(result, CU_GET_PROC_ADDRESS_SUCCESS);
  CUcontext context = nullptr;
  ASSERT_EQ(create(&context, 0, 3), CUDA_SUCCESS);
  CUdevice device = -1;
  using GetDevice2000 = CUresult (*)(CUdevice*);
  ASSERT_EQ(reinterpret_cast<GetDevice2000>(find("cuCtxGetDevice", 12000, &result))(&device),
            CUDA_SUCCESS);
  EXPECT_EQ(device, 3);
  EXPECT_EQ(entry<decltype(&cuCtxDestroy)>("cuCtxDestroy")(context), CUDA_SUCCESS);
  EXPECT_EQ(find("cuCtxCreate", 3000, &result), nullptr);
  EXPECT_EQ(result, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
}

TEST_F(DriverTest, StreamsWaitForAndWriteWords) {
  CUdeviceptr word = 0;
  ASSERT_EQ(entry<decltype(&cuMemAlloc)>("cuMemAlloc")(&word, 64), CUDA_SUCCESS);
  ASSERT_EQ(entry<decltype(&cuMemsetD32)>("cuMemsetD32")(word, 0, 16), CUDA_SUCCESS);
  const auto wait = entry<decltype(&cuStreamWaitValue32)>("cuStreamWaitValue32");
  const auto write = entry<decltype(&cuStreamWriteValue64)>("cuStreamWriteValue64");
  const auto query = entry<decltype(&cuStreamQuery)>("cuStreamQuery");
  cudaStream_t waiting = nullptr;
  cudaStream_t writing = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&waiting, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaStreamCreateWithFlags(&writing, cudaStreamNonBlocking), cudaSuccess);
  // Cyclic: 0xfffffff0 lies before 5, and 4 does too.
  ASSERT_EQ(entry<decltype(&cuMemsetD32)>("cuMemsetD32")(word, 0xfffffff0U, 1), CUDA_SUCCESS);
  ASSERT_EQ(wait(waiting, word, 5, CU_STREAM_WAIT_VALUE_GEQ), CUDA_SUCCESS);
  ASSERT_EQ(write(waiting, word + 8, 0x123456789abcULL, 0), CUDA_SUCCESS);
  EXPECT_EQ(query(waiting), CUDA_ERROR_NOT_READY);
  CUstreamBatchMemOpParams batch[2] = {};
  batch[0].operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
  batch[0].writeValue.address = word;
  batch[0].writeValue.value = 5;
  batch[1].operation = CU_STREAM_MEM_OP_WAIT_VALUE_64;
  batch[1].waitValue.address = word + 8;
  batch[1].waitValue.value64 = 0x123456789abcULL;
  batch[1].waitValue.flags = CU_STREAM_WAIT_VALUE_EQ;
  ASSERT_EQ(entry<decltype(&cuStreamBatchMemOp)>("cuStreamBatchMemOp")(writing, 2, batch, 0),
            CUDA_SUCCESS);
  EXPECT_EQ(cudaStreamSynchronize(writing), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(waiting), cudaSuccess);
  EXPECT_EQ(wait(waiting, word + 2, 5, CU_STREAM_WAIT_VALUE_GEQ), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(write(waiting, 4096, 5, 0), CUDA_ERROR_INVALID_VALUE) << "no allocation there";
  EXPECT_EQ(cudaStreamDestroy(waiting), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(writing), cudaSuccess);
}

TEST_F(DriverTest, VirtualMemoryOfTheHost) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_HOST_NUMA;
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  CUmemGenericAllocationHandle handle = 0;
  ASSERT_EQ(entry<decltype(&cuMemCreate)>("cuMemCreate")(&handle, 2U << 20U, &properties, 0),
            CUDA_SUCCESS);
  const auto export_handle =
      entry<decltype(&cuMemExportToShareableHandle)>("cuMemExportToShareableHandle");
  CUmemFabricHandle fabric{};
  EXPECT_EQ(export_handle(&fabric, handle, CU_MEM_HANDLE_TYPE_FABRIC, 0), CUDA_ERROR_INVALID_VALUE)
      << "it was not asked for";
  int file = -1;
  ASSERT_EQ(export_handle(&file, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
            CUDA_SUCCESS);
  CUmemGenericAllocationHandle imported = 0;
  const auto import_handle =
      entry<decltype(&cuMemImportFromShareableHandle)>("cuMemImportFromShareableHandle");
  ASSERT_EQ(import_handle(&imported, reinterpret_cast<void*>(static_cast<std::intptr_t>(file)),
                          CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR),
            CUDA_SUCCESS);
  CUmemAllocationProp found{};
  ASSERT_EQ(entry<decltype(&cuMemGetAllocationPropertiesFromHandle)>(
                "cuMemGetAllocationPropertiesFromHandle")(&found, imported),
            CUDA_SUCCESS);
  EXPECT_EQ(found.location.type, CU_MEM_LOCATION_TYPE_HOST_NUMA);
  const auto release = entry<decltype(&cuMemRelease)>("cuMemRelease");
  EXPECT_EQ(release(imported), CUDA_SUCCESS);
  EXPECT_EQ(release(handle), CUDA_SUCCESS);
}

TEST_F(DriverTest, UnknownFunctionsAreReportedAsMissing) {
  void* function = &function;
  cudaDriverEntryPointQueryResult result{};
  testing::internal::CaptureStderr();
  EXPECT_EQ(cudaGetDriverEntryPointByVersion("cuNoSuchFunction", &function, 13000,
                                             cudaEnableDefault, &result),
            cudaSuccess);
  static_cast<void>(testing::internal::GetCapturedStderr());
  EXPECT_EQ(result, cudaDriverEntryPointSymbolNotFound);
  EXPECT_EQ(function, nullptr);
}

TEST_F(DriverTest, ErrorsHaveTheDriversNames) {
  const auto name_of = entry<decltype(&cuGetErrorName)>("cuGetErrorName");
  const char* name = nullptr;
  ASSERT_EQ(name_of(CUDA_ERROR_INVALID_VALUE, &name), CUDA_SUCCESS);
  EXPECT_STREQ(name, "CUDA_ERROR_INVALID_VALUE");
  ASSERT_EQ(name_of(CUDA_ERROR_ILLEGAL_ADDRESS, &name), CUDA_SUCCESS);
  EXPECT_STREQ(name, "CUDA_ERROR_ILLEGAL_ADDRESS");
  EXPECT_EQ(name_of(static_cast<CUresult>(1000), &name), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace rackproof::test

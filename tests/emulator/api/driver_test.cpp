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
  const auto device_of = entry<decltype(&cuCtxGetDevice)>("cuCtxGetDevice");
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

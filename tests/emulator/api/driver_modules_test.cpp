// The driver API's modules: libraries, kernels, run-time linking, graphs, and shapes of memory.

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

namespace rackproof::test {
namespace {

const std::string kHeader = ".version 9.0\n.target sm_80\n.address_size 64\n";

// scale(out): out[tid] = offset(tid) + base; offset is another module's.
const std::string kCaller = kHeader + R"(
.extern .func (.param .b32 r) offset(.param .b32 x);
.visible .global .align 4 .u32 base = 100;
.visible .entry scale(.param .u64 out)
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd2, %rd1;
  mov.u32 %r1, %tid.x;
  {
    .param .b32 a;
    .param .b32 b;
    st.param.b32 [a], %r1;
    call (b), offset, (a);
    ld.param.b32 %r2, [b];
  }
  ld.global.u32 %r3, [base];
  add.s32 %r4, %r2, %r3;
  mul.wide.u32 %rd3, %r1, 4;
  add.s64 %rd4, %rd2, %rd3;
  st.global.u32 [%rd4], %r4;
  ret;
}
)";
const std::string kCallee = kHeader + R"(
.visible .func (.param .b32 r) offset(.param .b32 x)
{
  .reg .b32 %r<3>;
  ld.param.b32 %r1, [x];
  mul.lo.u32 %r2, %r1, 7;
  st.param.b32 [r], %r2;
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
#define DRIVER(name) entry<decltype(&name)>(#name)

class DriverModules : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    ASSERT_EQ(cudaMalloc(reinterpret_cast<void**>(&out_), sizeof(unsigned) * 32), cudaSuccess);
  }
  void TearDown() override { EXPECT_EQ(cudaFree(out_), cudaSuccess); }

  static CUresult add(CUlinkState state, std::string text, const char* name) {
    return entry<decltype(&cuLinkAddData_v2)>("cuLinkAddData")(
        state, CU_JIT_INPUT_PTX, text.data(), text.size() + 1, name, 0, nullptr, nullptr);
  }
  static CUlinkState create(CUjit_option* options = nullptr, void** values = nullptr,
                            unsigned count = 0) {
    CUlinkState state = nullptr;
    EXPECT_EQ(entry<decltype(&cuLinkCreate_v2)>("cuLinkCreate")(count, options, values, &state),
              CUDA_SUCCESS);
    return state;
  }
  std::array<unsigned, 32> read() {
    std::array<unsigned, 32> host{};
    EXPECT_EQ(cudaMemcpy(host.data(), out_, sizeof host, cudaMemcpyDeviceToHost), cudaSuccess);
    return host;
  }
  unsigned* out_ = nullptr;
};

TEST_F(DriverModules, LinkedPtxIsALibraryWithKernelsAndVariables) {
  const CUlinkState state = create();
  ASSERT_EQ(add(state, kCaller, "caller.ptx"), CUDA_SUCCESS);
  ASSERT_EQ(add(state, kCallee, "callee.ptx"), CUDA_SUCCESS);
  void* image = nullptr;
  std::size_t bytes = 0;
  ASSERT_EQ(DRIVER(cuLinkComplete)(state, &image, &bytes), CUDA_SUCCESS);
  std::string copied(static_cast<const char*>(image), bytes);
  ASSERT_EQ(DRIVER(cuLinkDestroy)(state), CUDA_SUCCESS);
  CUlibrary library = nullptr;
  ASSERT_EQ(
      DRIVER(cuLibraryLoadData)(&library, copied.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
      CUDA_SUCCESS);
  unsigned count = 0;
  ASSERT_EQ(DRIVER(cuLibraryGetKernelCount)(&count, library), CUDA_SUCCESS);
  EXPECT_EQ(count, 1U);
  CUkernel kernel = nullptr;
  ASSERT_EQ(DRIVER(cuLibraryGetKernel)(&kernel, library, "scale"), CUDA_SUCCESS);
  EXPECT_EQ(DRIVER(cuLibraryGetKernel)(&kernel, library, "offset"), CUDA_ERROR_NOT_FOUND)
      << "a function is no kernel";
  const char* name = nullptr;
  ASSERT_EQ(DRIVER(cuKernelGetName)(&name, kernel), CUDA_SUCCESS);
  EXPECT_STREQ(name, "scale");
  std::size_t offset = 1;
  ASSERT_EQ(DRIVER(cuKernelGetParamInfo)(kernel, 0, &offset, &bytes), CUDA_SUCCESS);
  EXPECT_EQ(offset, 0U);
  EXPECT_EQ(bytes, 8U);
  int threads = 0;
  ASSERT_EQ(
      DRIVER(cuKernelGetAttribute)(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, kernel, 1),
      CUDA_SUCCESS);
  EXPECT_EQ(threads, 1024);
  CUdeviceptr base = 0;
  ASSERT_EQ(DRIVER(cuLibraryGetGlobal)(&base, &bytes, library, "base"), CUDA_SUCCESS);
  const unsigned changed = 1000;
  ASSERT_EQ(cudaMemcpy(reinterpret_cast<void*>(base), &changed, 4, cudaMemcpyHostToDevice),
            cudaSuccess);
  void* arguments[] = {&out_};
  ASSERT_EQ(DRIVER(cuLaunchKernel)(reinterpret_cast<CUfunction>(kernel), 1, 1, 1, 32, 1, 1, 0,
                                   nullptr, arguments, nullptr),
            CUDA_SUCCESS);
  EXPECT_EQ(read()[31], 31U * 7 + 1000);
  ASSERT_EQ(DRIVER(cuLibraryUnload)(library), CUDA_SUCCESS);
  EXPECT_EQ(DRIVER(cuLibraryUnload)(library), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(DRIVER(cuKernelGetName)(&name, kernel), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(DriverModules, LinkErrorsNameTheSymbolAndFillTheLog) {
  std::array<char, 200> log{};
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size())};
  const CUlinkState state = create(options, values, 2);
  testing::internal::CaptureStderr();
  ASSERT_EQ(add(state, kCaller, "caller.ptx"), CUDA_SUCCESS);
  void* image = nullptr;
  EXPECT_EQ(DRIVER(cuLinkComplete)(state, &image, nullptr), CUDA_ERROR_INVALID_PTX);
  const std::string expected = "linking: 'offset', used by caller.ptx, is not defined";
  EXPECT_STREQ(log.data(), expected.c_str());
  EXPECT_EQ(reinterpret_cast<std::size_t>(values[1]), expected.size());
  EXPECT_NE(testing::internal::GetCapturedStderr().find(expected), std::string::npos);
  EXPECT_EQ(DRIVER(cuLinkDestroy)(state), CUDA_SUCCESS);
}

TEST_F(DriverModules, TheRuntimesLibrariesAreTheSame) {
  const std::string ptx =
      kHeader + ".visible .global .u32 word = 5;\n.visible .entry nothing() { ret; }\n";
  cudaLibrary_t library = nullptr;
  ASSERT_EQ(cudaLibraryLoadData(&library, ptx.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0),
            cudaSuccess);
  cudaKernel_t kernel = nullptr;
  ASSERT_EQ(cudaLibraryGetKernel(&kernel, library, "nothing"), cudaSuccess);
  EXPECT_EQ(cudaLibraryGetKernel(&kernel, library, "other"), cudaErrorSymbolNotFound);
  ASSERT_EQ(cudaLibraryEnumerateKernels(&kernel, 1, library), cudaSuccess);
  EXPECT_EQ(cudaLaunchKernel(kernel, dim3(1), dim3(32), nullptr, 0, nullptr), cudaSuccess);
  void* word = nullptr;
  std::size_t bytes = 0;
  ASSERT_EQ(cudaLibraryGetGlobal(&word, &bytes, library, "word"), cudaSuccess);
  EXPECT_EQ(bytes, 4U);
  EXPECT_EQ(cudaLibraryGetGlobal(&word, &bytes, library, "none"), cudaErrorSymbolNotFound);
  EXPECT_EQ(cudaLibraryUnload(library), cudaSuccess);
  static_cast<void>(cudaGetLastError());
}

TEST_F(DriverModules, GraphsOfTheDriverRunItsFunctions) {
  CUmodule module = nullptr;
  std::string text = kCallee.substr(0, kCallee.find(".visible")) +
                     kCallee.substr(kCallee.find(".visible")) + kCaller.substr(kHeader.size());
  text.erase(text.find(".extern .func"),
             text.find(";", text.find(".extern .func")) + 1 - text.find(".extern .func"));
  ASSERT_EQ(DRIVER(cuModuleLoadData)(&module, text.c_str()), CUDA_SUCCESS);
  CUfunction function = nullptr;
  ASSERT_EQ(DRIVER(cuModuleGetFunction)(&function, module, "scale"), CUDA_SUCCESS);
  CUgraph graph = nullptr;
  ASSERT_EQ(DRIVER(cuGraphCreate)(&graph, 0), CUDA_SUCCESS);
  void* arguments[] = {&out_};
  CUDA_KERNEL_NODE_PARAMS parameters{};
  parameters.func = function;
  parameters.gridDimX = parameters.gridDimY = parameters.gridDimZ = 1;
  parameters.blockDimX = 32;
  parameters.blockDimY = parameters.blockDimZ = 1;
  parameters.kernelParams = arguments;
  CUgraphNode node = nullptr;
  ASSERT_EQ(entry<decltype(&cuGraphAddKernelNode)>("cuGraphAddKernelNode")(&node, graph, nullptr, 0,
                                                                           &parameters),
            CUDA_SUCCESS);
  CUgraphExec executable = nullptr;
  ASSERT_EQ(DRIVER(cuGraphInstantiateWithFlags)(&executable, graph, 0), CUDA_SUCCESS);
  ASSERT_EQ(DRIVER(cuGraphLaunch)(executable, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(read()[5], 135U);
  EXPECT_EQ(DRIVER(cuGraphExecDestroy)(executable), CUDA_SUCCESS);
  EXPECT_EQ(DRIVER(cuGraphDestroy)(graph), CUDA_SUCCESS);
  EXPECT_EQ(DRIVER(cuModuleUnload)(module), CUDA_SUCCESS);
}

TEST_F(DriverModules, PitchedCopiesMoveBoxes) {
  CUdeviceptr place = 0;
  std::size_t pitch = 0;
  ASSERT_EQ(entry<decltype(&cuMemAllocPitch)>("cuMemAllocPitch")(&place, &pitch, 12, 4, 4),
            CUDA_SUCCESS);
  EXPECT_EQ(pitch % 512, 0U);
  ASSERT_EQ(entry<decltype(&cuMemsetD2D32)>("cuMemsetD2D32")(place, pitch, 7, 3, 4), CUDA_SUCCESS);
  std::array<unsigned, 16> host{};
  CUDA_MEMCPY2D box{};
  box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  box.srcDevice = place;
  box.srcPitch = pitch;
  box.srcY = 1;
  box.dstMemoryType = CU_MEMORYTYPE_HOST;
  box.dstHost = host.data();
  box.dstPitch = 16;
  box.dstXInBytes = 4;
  box.WidthInBytes = 8;
  box.Height = 2;
  ASSERT_EQ(entry<decltype(&cuMemcpy2D)>("cuMemcpy2D")(&box), CUDA_SUCCESS);
  EXPECT_EQ(host, (std::array<unsigned, 16>{0, 7, 7, 0, 0, 7, 7, 0}));
  box.WidthInBytes = 16;
  EXPECT_EQ(entry<decltype(&cuMemcpy2D)>("cuMemcpy2D")(&box), CUDA_ERROR_INVALID_VALUE)
      << "4 + 16 bytes do not fit a pitch of 16";
  EXPECT_EQ(cudaFree(reinterpret_cast<void*>(place)), cudaSuccess);
}

TEST_F(DriverModules, PoolsAndPointersOfTheDriver) {
  CUmemoryPool pool = nullptr;
  ASSERT_EQ(DRIVER(cuDeviceGetDefaultMemPool)(&pool, 0), CUDA_SUCCESS);
  CUdeviceptr address = 0;
  ASSERT_EQ(DRIVER(cuMemAllocFromPoolAsync)(&address, 1024, pool, nullptr), CUDA_SUCCESS);
  CUcontext context = nullptr;
  CUcontext current = nullptr;
  ASSERT_EQ(DRIVER(cuPointerGetAttribute)(&context, CU_POINTER_ATTRIBUTE_CONTEXT, address),
            CUDA_SUCCESS);
  ASSERT_EQ(DRIVER(cuCtxGetCurrent)(&current), CUDA_SUCCESS);
  EXPECT_EQ(context, current);
  int local = 0;
  unsigned type = 99;
  std::size_t size = 99;
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                      CU_POINTER_ATTRIBUTE_RANGE_SIZE};
  void* data[] = {&type, &size};
  ASSERT_EQ(
      DRIVER(cuPointerGetAttributes)(2, attributes, data, reinterpret_cast<CUdeviceptr>(&local)),
      CUDA_SUCCESS);
  EXPECT_EQ(type, 0U) << "memory that CUDA does not know";
  EXPECT_EQ(size, 0U);
  ASSERT_EQ(DRIVER(cuMemFreeAsync)(address, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

}  // namespace
}  // namespace rackproof::test

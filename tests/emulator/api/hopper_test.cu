// Cluster launches and tensor maps as CUDA programs use them.
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace rackproof::test {
namespace {

__global__ void cluster_shape(unsigned* out) {
  unsigned count;
  unsigned rank;
  asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(count));
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  out[blockIdx.x] = count * 100 + rank;
}
__global__ void __cluster_dims__(2, 1, 1) pairs(unsigned* out) {
  unsigned count;
  asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(count));
  out[blockIdx.x] = count;
}

// Loads the 16x8 tile at (x, y) of a tensor of ints.
__global__ void load_tile(const __grid_constant__ CUtensorMap map, int x, int y, int* out) {
  __shared__ alignas(128) int tile[128];
  __shared__ unsigned long long barrier;
  const auto shared = [](const void* pointer) {
    return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
  };
  if (threadIdx.x == 0) {
    asm volatile(
        "mbarrier.init.shared::cta.b64 [%0], 1;\nfence.mbarrier_init.release.cluster;" ::"r"(
            shared(&barrier)));
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 512;" ::"r"(shared(&barrier)));
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], "
        "[%1, "
        "{%2, %3}], [%4];" ::"r"(shared(tile)),
        "l"(&map), "r"(x), "r"(y), "r"(shared(&barrier))
        : "memory");
  }
  asm volatile(
      "{\n.reg .pred p;\nW:\nmbarrier.try_wait.parity.shared::cta.b64 p, [%0], 0;\n@!p bra W;\n}" ::
          "r"(shared(&barrier))
      : "memory");
  out[threadIdx.x] = tile[threadIdx.x];
}

// data[0]: somebody of the dependent grid was here; data[1]: it was while this grid ran; data[2..]:
// what it publishes behind launch_dependents.
__global__ void primary(unsigned* data) {
  __shared__ volatile int has_triggered;
  has_triggered = 0;
  __syncthreads();
  if (threadIdx.x < 32) {
    cudaTriggerProgrammaticLaunchCompletion();
    has_triggered = 1;
  } else {
    while (has_triggered == 0) {
    }
  }
  if (threadIdx.x == 0) {
    for (int i = 0; i < 1000 && atomicAdd(data, 0) == 0; ++i) {
    }
    atomicAdd(data + 1, atomicAdd(data, 0) != 0 ? 1 : 0);
  }
  __syncthreads();
  data[2 + blockIdx.x * 64 + threadIdx.x] += 1;
}
__global__ void secondary(unsigned* data) {
  if (threadIdx.x == 0) {
    atomicExch(data, 1);
  }
  cudaGridDependencySynchronize();
  unsigned sum = 0;
  for (int i = 0; i < 128; ++i) {
    sum += data[2 + i];
  }
  data[1000 + threadIdx.x] = sum;
}

// One of three grids that each depend on the one before. data[1]: the third was here while the
// first ran; data[10..]: who is here; data[20..]: what each hands on.
__global__ void link(unsigned* data, int stage) {
  if (threadIdx.x == 0) {
    atomicExch(data + 10 + stage, 1);
  }
  cudaTriggerProgrammaticLaunchCompletion();
  if (stage == 0 && threadIdx.x == 0) {
    for (int i = 0; i < 1000 && atomicAdd(data + 12, 0) == 0; ++i) {
    }
    atomicAdd(data + 1, atomicAdd(data + 12, 0));
  }
  cudaGridDependencySynchronize();
  data[20 + 32 * stage + threadIdx.x] =
      (stage == 0 ? data[0] : data[20 + 32 * (stage - 1) + threadIdx.x]) + 1;
}

class Hopper : public testing::Test {
 protected:
  // Dependents begin early always, never, or (drawn) sometimes.
  static void expect_early(unsigned early, unsigned launches) {
    const char* const variable = std::getenv("RACKPROOF_EMULATOR_ORDERING");
    const std::string ordering = variable == nullptr ? "random" : variable;
    if (ordering != "late") {
      EXPECT_GT(early, 0U);
    }
    if (ordering != "eager") {
      EXPECT_LT(early, ordering == "late" ? 1U : launches);
    }
  }
  void SetUp() override { ASSERT_EQ(cudaMallocManaged(&data_, 65536), cudaSuccess); }
  void TearDown() override { EXPECT_EQ(cudaDeviceReset(), cudaSuccess); }

  // Holds the stream back until `is_queued`.
  static cudaError_t hold(cudaStream_t stream, std::atomic<bool>& is_queued) {
    return cudaLaunchHostFunc(
        stream,
        [](void* flag) {
          while (!static_cast<std::atomic<bool>*>(flag)->load()) {
          }
        },
        &is_queued);
  }
  static cudaLaunchConfig_t programmatic(std::vector<cudaLaunchAttribute>& attributes,
                                         cudaStream_t stream) {
    attributes.resize(1);
    attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[0].val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(1);
    config.blockDim = dim3(32);
    config.stream = stream;
    config.attrs = attributes.data();
    config.numAttrs = 1;
    return config;
  }
  static cudaLaunchConfig_t config(unsigned grid, std::vector<cudaLaunchAttribute>& attributes) {
    cudaLaunchConfig_t config{};
    config.gridDim = {grid, 1, 1};
    config.blockDim = {1, 1, 1};
    config.attrs = attributes.data();
    config.numAttrs = static_cast<unsigned>(attributes.size());
    return config;
  }
  static cudaLaunchAttribute cluster(
      unsigned size, cudaLaunchAttributeID id = cudaLaunchAttributeClusterDimension) {
    cudaLaunchAttribute attribute{};
    attribute.id = id;
    attribute.val.clusterDim.x = size;
    attribute.val.clusterDim.y = 1;
    attribute.val.clusterDim.z = 1;
    return attribute;
  }
  cudaError_t launch(unsigned grid, std::vector<cudaLaunchAttribute> attributes) {
    const cudaLaunchConfig_t launch_config = config(grid, attributes);
    const cudaError_t error = cudaLaunchKernelEx(&launch_config, cluster_shape, data_);
    return error == cudaSuccess ? cudaDeviceSynchronize() : error;
  }

  unsigned* data_ = nullptr;
};

TEST_F(Hopper, ClusterSizesFollowCudasRules) {
  ASSERT_EQ(launch(8, {cluster(4)}), cudaSuccess);
  EXPECT_EQ(data_[5], 401U);
  ASSERT_EQ(launch(8, {cluster(2), cluster(8, cudaLaunchAttributePreferredClusterDimension)}),
            cudaSuccess);
  EXPECT_TRUE(data_[3] == 201 || data_[3] == 803) << data_[3];
  EXPECT_EQ(launch(6, {cluster(4)}), cudaErrorInvalidClusterSize);
  EXPECT_EQ(launch(16, {cluster(16)}), cudaErrorInvalidClusterSize);
  EXPECT_EQ(launch(6, {cluster(2), cluster(3, cudaLaunchAttributePreferredClusterDimension)}),
            cudaErrorInvalidClusterSize);
  ASSERT_EQ(cudaFuncSetAttribute(cluster_shape, cudaFuncAttributeNonPortableClusterSizeAllowed, 1),
            cudaSuccess);
  EXPECT_EQ(launch(16, {cluster(16)}), cudaSuccess);
  EXPECT_EQ(data_[15], 1615U);
  EXPECT_EQ(launch(32, {cluster(32)}), cudaErrorInvalidClusterSize);
  ASSERT_EQ(cudaFuncSetAttribute(cluster_shape, cudaFuncAttributeNonPortableClusterSizeAllowed, 0),
            cudaSuccess);
}

TEST_F(Hopper, KernelsMayRequireTheirCluster) {
  pairs<<<4, 1>>>(data_);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(data_[3], 2U);
  pairs<<<3, 1>>>(data_);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidClusterSize);
  std::vector<cudaLaunchAttribute> four{cluster(4)};
  const cudaLaunchConfig_t contradiction = config(4, four);
  EXPECT_EQ(cudaLaunchKernelEx(&contradiction, pairs, data_), cudaErrorInvalidClusterSize);
}

TEST_F(Hopper, OccupancyCountsWholeClusters) {
  std::vector<cudaLaunchAttribute> attributes{cluster(4)};
  cudaLaunchConfig_t shape = config(4, attributes);
  shape.blockDim = {1024, 1, 1};
  int clusters = 0;
  ASSERT_EQ(cudaOccupancyMaxActiveClusters(&clusters, cluster_shape, &shape), cudaSuccess);
  int multiprocessors = 0;
  int per_sm = 0;
  ASSERT_EQ(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0),
            cudaSuccess);
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_sm, cluster_shape, 1024, 0),
            cudaSuccess);
  EXPECT_EQ(clusters, multiprocessors * per_sm / 4);
  int size = 0;
  ASSERT_EQ(cudaOccupancyMaxPotentialClusterSize(&size, cluster_shape, &shape), cudaSuccess);
  EXPECT_EQ(size, 8);
}

/// The arguments of cuTensorMapEncodeTiled, to be broken one by one.
struct Tiled {
  CUtensorMapDataType type = CU_TENSOR_MAP_DATA_TYPE_INT32;
  unsigned rank = 2;
  void* address = nullptr;
  cuuint64_t sizes[5] = {64, 32, 4, 4, 4};
  cuuint64_t strides[4] = {256, 8192, 32768, 131072};
  cuuint32_t box[5] = {16, 8, 1, 1, 1};
  cuuint32_t steps[5] = {1, 1, 1, 1, 1};
  CUtensorMapInterleave interleave = CU_TENSOR_MAP_INTERLEAVE_NONE;
  CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
  CUtensorMapFloatOOBfill fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;

  CUresult encode(CUtensorMap* map) const {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result{};
    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                         cudaEnableDefault, &result) != cudaSuccess) {
      return CUDA_ERROR_NOT_FOUND;
    }
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function)(
        map, type, rank, address, sizes, strides, box, steps, interleave, swizzle,
        CU_TENSOR_MAP_L2_PROMOTION_NONE, fill);
  }
};

// With random orderings some dependents begin early and some late; all see what they wait for.
TEST_F(Hopper, DependentGridsBeginEarlyAndWait) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  std::vector<cudaLaunchAttribute> attributes;
  cudaLaunchConfig_t config = programmatic(attributes, stream);
  ASSERT_EQ(cudaMemset(data_, 0, 65536), cudaSuccess);
  unsigned early = 0;
  constexpr unsigned kLaunches = 12;
  for (unsigned i = 0; i < kLaunches; ++i) {
    std::atomic<bool> is_queued = false;
    data_[0] = 0;
    ASSERT_EQ(hold(stream, is_queued), cudaSuccess);
    primary<<<2, 64, 0, stream>>>(data_);
    ASSERT_EQ(cudaLaunchKernelEx(&config, secondary, data_), cudaSuccess);
    is_queued = true;
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    ASSERT_EQ(data_[1000], 128 * (i + 1)) << "launch " << i;
    early += data_[1] != 0 ? 1 : 0;
    data_[1] = 0;
  }
  expect_early(early, kLaunches);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

// The third of a chain may run while the first does, and waits for it through the second.
TEST_F(Hopper, ChainsOfDependentGrids) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  std::vector<cudaLaunchAttribute> attributes;
  const cudaLaunchConfig_t config = programmatic(attributes, stream);
  unsigned early = 0;
  constexpr unsigned kLaunches = 16;
  for (unsigned i = 0; i < kLaunches; ++i) {
    std::atomic<bool> is_queued = false;
    ASSERT_EQ(cudaMemset(data_, 0, 4096), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    data_[0] = i;
    ASSERT_EQ(hold(stream, is_queued), cudaSuccess);
    link<<<1, 32, 0, stream>>>(data_, 0);
    ASSERT_EQ(cudaLaunchKernelEx(&config, link, data_, 1), cudaSuccess);
    ASSERT_EQ(cudaLaunchKernelEx(&config, link, data_, 2), cudaSuccess);
    is_queued = true;
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    ASSERT_EQ(data_[20 + 64 + 7], i + 3) << "launch " << i;
    early += data_[1];
  }
  expect_early(early, kLaunches);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

// CUDA allows an event of a launch to fire as late as with the grid's end.
TEST_F(Hopper, LaunchesRecordEvents) {
  cudaStream_t other = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  cudaEvent_t event = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
  for (const cudaLaunchAttributeID id :
       {cudaLaunchAttributeProgrammaticEvent, cudaLaunchAttributeLaunchCompletionEvent}) {
    ASSERT_EQ(cudaMemset(data_, 0, 4096), cudaSuccess);
    std::vector<cudaLaunchAttribute> attributes;
    cudaLaunchConfig_t config = programmatic(attributes, nullptr);
    attributes[0] = {};
    attributes[0].id = id;
    if (id == cudaLaunchAttributeProgrammaticEvent) {
      attributes[0].val.programmaticEvent.event = event;
    } else {
      attributes[0].val.launchCompletionEvent.event = event;
    }
    ASSERT_EQ(cudaLaunchKernelEx(&config, link, data_, 0), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(other, event, 0), cudaSuccess);
    link<<<1, 32, 0, other>>>(data_, 1);
    ASSERT_EQ(cudaStreamSynchronize(other), cudaSuccess);
    EXPECT_EQ(data_[20 + 32 + 7], 2U);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }
  cudaEvent_t timed = nullptr;
  ASSERT_EQ(cudaEventCreate(&timed), cudaSuccess);
  std::vector<cudaLaunchAttribute> attributes;
  const cudaLaunchConfig_t config = programmatic(attributes, nullptr);
  attributes[0] = {};
  attributes[0].id = cudaLaunchAttributeProgrammaticEvent;
  attributes[0].val.programmaticEvent.event = timed;
  EXPECT_EQ(cudaLaunchKernelEx(&config, link, data_, 0), cudaErrorInvalidValue);
  EXPECT_EQ(cudaEventDestroy(timed), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

// The same as a graph: its edge is programmatic.
TEST_F(Hopper, DependentNodesBeginEarlyAndWait) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaMemset(data_, 0, 65536), cudaSuccess);
  std::vector<cudaLaunchAttribute> attributes;
  cudaLaunchConfig_t config = programmatic(attributes, stream);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  primary<<<2, 64, 0, stream>>>(data_);
  ASSERT_EQ(cudaLaunchKernelEx(&config, secondary, data_), cudaSuccess);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphNode_t from = nullptr;
  cudaGraphNode_t to = nullptr;
  cudaGraphEdgeData edge{};
  std::size_t count = 1;
  ASSERT_EQ(cudaGraphGetEdges(graph, &from, &to, &edge, &count), cudaSuccess);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(edge.type, cudaGraphDependencyTypeProgrammatic);
  cudaGraphExec_t instance = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&instance, graph, 0), cudaSuccess);
  unsigned early = 0;
  constexpr unsigned kLaunches = 12;
  for (unsigned i = 0; i < kLaunches; ++i) {
    data_[0] = 0;
    data_[1] = 0;
    ASSERT_EQ(cudaGraphLaunch(instance, stream), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    ASSERT_EQ(data_[1000], 128 * (i + 1)) << "launch " << i;
    early += data_[1] != 0 ? 1 : 0;
  }
  expect_early(early, kLaunches);
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(Hopper, TensorMapsLoadTiles) {
  for (unsigned i = 0; i < 64 * 32; ++i) {
    data_[i] = i;
  }
  Tiled tiled;
  tiled.address = data_;
  CUtensorMap map;
  ASSERT_EQ(tiled.encode(&map), CUDA_SUCCESS);
  int* out = nullptr;
  ASSERT_EQ(cudaMallocManaged(&out, 512), cudaSuccess);
  load_tile<<<1, 128>>>(map, 56, 30, out);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  for (int i = 0; i < 128; ++i) {
    const int x = 56 + i % 16;
    const int y = 30 + i / 16;
    ASSERT_EQ(out[i], x < 64 && y < 32 ? y * 64 + x : 0);
  }
}

TEST_F(Hopper, TensorMapsAreCheckedAsDocumented) {
  using Break = void (*)(Tiled&);
  const std::pair<const char*, Break> rules[] = {
      {"the data type", [](Tiled& t) { t.type = static_cast<CUtensorMapDataType>(16); }},
      {"tensorRank", [](Tiled& t) { t.rank = 0; }},
      {"tensorRank", [](Tiled& t) { t.rank = 6; }},
      {"tensorRank", [](Tiled& t) { t.interleave = CU_TENSOR_MAP_INTERLEAVE_16B; }},
      {"globalAddress", [](Tiled& t) { t.address = static_cast<char*>(t.address) + 8; }},
      {"globalAddress is not aligned to 32",
       [](Tiled& t) {
         t.rank = 3;
         t.address = static_cast<char*>(t.address) + 16;
         t.interleave = CU_TENSOR_MAP_INTERLEAVE_32B;
       }},
      {"globalDim[1]", [](Tiled& t) { t.sizes[1] = 0; }},
      {"globalDim[0]", [](Tiled& t) { t.sizes[0] = (1ULL << 32) + 1; }},
      {"globalDim[0] of a padded type",
       [](Tiled& t) { t.type = CU_TENSOR_MAP_DATA_TYPE_16U4_ALIGN16B; }},
      {"is odd",
       [](Tiled& t) {
         t.type = CU_TENSOR_MAP_DATA_TYPE_16U4_ALIGN8B;
         t.sizes[0] = 63;
       }},
      {"globalStrides[0]", [](Tiled& t) { t.strides[0] = 264; }},
      {"globalStrides[0]", [](Tiled& t) { t.strides[0] = 1ULL << 40; }},
      {"boxDim[1]", [](Tiled& t) { t.box[1] = 0; }},
      {"boxDim[0]", [](Tiled& t) { t.box[0] = 257; }},
      {"no multiple of 16 bytes", [](Tiled& t) { t.box[0] = 6; }},
      {"is not 128 elements",
       [](Tiled& t) {
         t.type = CU_TENSOR_MAP_DATA_TYPE_16U6_ALIGN16B;
         t.sizes[0] = 128;
       }},
      {"elementStrides[1]", [](Tiled& t) { t.steps[1] = 9; }},
      {"elementStrides[1]", [](Tiled& t) { t.steps[1] = 0; }},
      {"more than the swizzle's span", [](Tiled& t) { t.swizzle = CU_TENSOR_MAP_SWIZZLE_32B; }},
      {"needs a swizzle of 32 bytes",
       [](Tiled& t) {
         t.rank = 3;
         t.interleave = CU_TENSOR_MAP_INTERLEAVE_32B;
       }},
      {"no value of its enumeration",
       [](Tiled& t) { t.swizzle = static_cast<CUtensorMapSwizzle>(7); }},
      {"floating-point type",
       [](Tiled& t) { t.fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA; }},
      {"one of 128 bytes",
       [](Tiled& t) {
         t.type = CU_TENSOR_MAP_DATA_TYPE_16U6_ALIGN16B;
         t.sizes[0] = 128;
         t.box[0] = 128;
         t.swizzle = CU_TENSOR_MAP_SWIZZLE_128B_ATOM_32B_FLIP_8B;
       }},
  };
  for (const auto& [rule, change] : rules) {
    Tiled tiled;
    tiled.address = data_;
    change(tiled);
    CUtensorMap map;
    testing::internal::CaptureStderr();
    EXPECT_EQ(tiled.encode(&map), CUDA_ERROR_INVALID_VALUE) << rule;
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find(rule), std::string::npos) << rule << ": " << said;
  }
  Tiled tiled;
  tiled.address = data_;
  alignas(64) char bytes[256];
  // Documented as an error; programs that are right on hardware do it.
  EXPECT_EQ(tiled.encode(reinterpret_cast<CUtensorMap*>(bytes + 16)), CUDA_SUCCESS);
}

}  // namespace
}  // namespace rackproof::test

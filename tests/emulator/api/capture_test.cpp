// Stream capture: forks and joins, modes, and the errors that invalidate a capture.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace rackproof::test {
namespace {

constexpr int kCount = 256;

class CaptureTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    void* memory = nullptr;
    ASSERT_EQ(cudaMalloc(&memory, 4 * kCount * sizeof(int)), cudaSuccess);
    data_ = static_cast<int*>(memory);
    ASSERT_EQ(cudaMemset(data_, 0, 4 * kCount * sizeof(int)), cudaSuccess);
    for (cudaStream_t* stream : {&main_, &side_}) {
      ASSERT_EQ(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), cudaSuccess);
    }
    for (cudaEvent_t* event : {&fork_, &join_}) {
      ASSERT_EQ(cudaEventCreateWithFlags(event, cudaEventDisableTiming), cudaSuccess);
    }
  }
  void TearDown() override {
    for (cudaStream_t stream : {main_, side_}) {
      EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
    }
    for (cudaEvent_t event : {fork_, join_}) {
      EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
    }
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
  }
  void begin(cudaStream_t stream, cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
    ASSERT_EQ(cudaStreamBeginCapture(stream, mode), cudaSuccess);
  }
  void expect_invalid(cudaStream_t stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    EXPECT_EQ(cudaStreamIsCapturing(stream, &status), cudaSuccess);
    EXPECT_EQ(status, cudaStreamCaptureStatusInvalidated);
    EXPECT_EQ(cudaMemsetAsync(data_, 0, 4, stream), cudaErrorStreamCaptureInvalidated);
    auto graph = reinterpret_cast<cudaGraph_t>(this);
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(graph, nullptr);
    EXPECT_EQ(cudaStreamIsCapturing(stream, &status), cudaSuccess);
    EXPECT_EQ(status, cudaStreamCaptureStatusNone);
  }
  void run_and_destroy(cudaGraph_t graph, int times = 1) {
    cudaGraphExec_t instance = nullptr;
    ASSERT_EQ(cudaGraphInstantiate(&instance, graph, 0), cudaSuccess);
    for (int i = 0; i < times; ++i) {
      ASSERT_EQ(cudaGraphLaunch(instance, main_), cudaSuccess);
    }
    ASSERT_EQ(cudaStreamSynchronize(main_), cudaSuccess);
    EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  }
  int read(int index) {
    int value = -1;
    EXPECT_EQ(cudaMemcpy(&value, data_ + index, 4, cudaMemcpyDeviceToHost), cudaSuccess);
    return value;
  }
  static std::size_t nodes_of(cudaGraph_t graph) {
    std::size_t count = 0;
    EXPECT_EQ(cudaGraphGetNodes(graph, nullptr, &count), cudaSuccess);
    return count;
  }
  static std::size_t edges_of(cudaGraph_t graph) {
    std::size_t count = 0;
    EXPECT_EQ(cudaGraphGetEdges(graph, nullptr, nullptr, nullptr, &count), cudaSuccess);
    return count;
  }

  int* data_ = nullptr;
  cudaStream_t main_ = nullptr;
  cudaStream_t side_ = nullptr;
  cudaEvent_t fork_ = nullptr;
  cudaEvent_t join_ = nullptr;
};

TEST_F(CaptureTest, ForksAndJoinsBecomeEdgesAndNothingRunsBefore) {
  begin(main_);
  launch_fill(data_, kCount, 3, main_);
  ASSERT_EQ(cudaEventRecord(fork_, main_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(side_, fork_, 0), cudaSuccess);
  launch_slow_increment(data_, kCount, 10, main_);
  launch_fill(data_ + kCount, kCount, 8, side_);
  ASSERT_EQ(cudaEventRecord(join_, side_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(main_, join_, 0), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(data_ + 2 * kCount, data_, 2 * kCount * sizeof(int),
                            cudaMemcpyDeviceToDevice, main_),
            cudaSuccess);
  int called = 0;
  ASSERT_EQ(cudaLaunchHostFunc(
                main_, [](void* count) { ++*static_cast<int*>(count); }, &called),
            cudaSuccess);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  EXPECT_EQ(cudaStreamIsCapturing(side_, &status), cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess);
  EXPECT_EQ(nodes_of(graph), 5U);
  EXPECT_EQ(edges_of(graph), 5U);
  EXPECT_EQ(called, 0);
  EXPECT_EQ(read(2 * kCount), 0) << "captured work ran";
  EXPECT_EQ(cudaStreamQuery(side_), cudaSuccess) << "out of the capture again";
  run_and_destroy(graph, 2);
  EXPECT_EQ(read(2 * kCount), 4);
  EXPECT_EQ(read(3 * kCount), 8);
  EXPECT_EQ(called, 2);
}

TEST_F(CaptureTest, InfoNamesTheGraphAndTheDependenciesThatCanBeChanged) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusActive;
  unsigned long long id = 9;
  ASSERT_EQ(cudaStreamGetCaptureInfo(main_, &status, &id, nullptr, nullptr, nullptr, nullptr),
            cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusNone);
  begin(main_, cudaStreamCaptureModeRelaxed);
  launch_fill(data_, kCount, 1, main_);
  cudaGraph_t graph = nullptr;
  const cudaGraphNode_t* tips = nullptr;
  std::size_t count = 0;
  ASSERT_EQ(cudaStreamGetCaptureInfo(main_, &status, &id, &graph, &tips, nullptr, &count),
            cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  ASSERT_EQ(count, 1U);
  const cudaGraphNode_t first = tips[0];
  cudaGraphNode_t extra = nullptr;
  ASSERT_EQ(cudaGraphAddEmptyNode(&extra, graph, nullptr, 0), cudaSuccess);
  ASSERT_EQ(cudaStreamUpdateCaptureDependencies(main_, &extra, nullptr, 1,
                                                cudaStreamAddCaptureDependencies),
            cudaSuccess);
  launch_fill(data_, kCount, 2, main_);
  ASSERT_EQ(cudaStreamGetCaptureInfo(main_, &status, &id, &graph, &tips, nullptr, &count),
            cudaSuccess);
  std::array<cudaGraphNode_t, 3> before{};
  std::size_t dependencies = 3;
  ASSERT_EQ(cudaGraphNodeGetDependencies(tips[0], before.data(), nullptr, &dependencies),
            cudaSuccess);
  ASSERT_EQ(dependencies, 2U);
  EXPECT_EQ(before[0], first);
  EXPECT_EQ(before[1], extra);
  ASSERT_EQ(cudaStreamUpdateCaptureDependencies(main_, &extra, nullptr, 1,
                                                cudaStreamSetCaptureDependencies),
            cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess) << "what was taken away may dangle";
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(CaptureTest, CaptureIntoAGraphThatIsThere) {
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaGraphCreate(&graph, 0), cudaSuccess);
  cudaGraphNode_t root = nullptr;
  const cudaMemsetParams seven{data_, 0, 7, 4, kCount, 1};
  ASSERT_EQ(cudaGraphAddMemsetNode(&root, graph, nullptr, 0, &seven), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCaptureToGraph(main_, graph, &root, nullptr, 1,
                                          cudaStreamCaptureModeThreadLocal),
            cudaSuccess);
  launch_slow_increment(data_, kCount, 1, main_);
  cudaGraph_t same = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(main_, &same), cudaSuccess);
  EXPECT_EQ(same, graph);
  EXPECT_EQ(edges_of(graph), 1U);
  run_and_destroy(graph);
  EXPECT_EQ(read(0), 8);
}

TEST_F(CaptureTest, WaitingForACaptureInvalidatesIt) {
  begin(main_);
  EXPECT_EQ(cudaStreamSynchronize(main_), cudaErrorStreamCaptureUnsupported);
  expect_invalid(main_);
  begin(main_);
  EXPECT_EQ(cudaStreamQuery(main_), cudaErrorStreamCaptureUnsupported);
  expect_invalid(main_);
  begin(main_);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
  expect_invalid(main_);
  begin(main_);
  ASSERT_EQ(cudaEventRecord(fork_, main_), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(fork_), cudaErrorCapturedEvent);
  expect_invalid(main_);
  begin(main_);
  EXPECT_EQ(cudaStreamAddCallback(
                main_, [](cudaStream_t, cudaError_t, void*) {}, nullptr, 0),
            cudaErrorStreamCaptureUnsupported);
  expect_invalid(main_);
}

TEST_F(CaptureTest, StructureErrorsOfEndCapture) {
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(main_, &graph), cudaErrorIllegalState);
  EXPECT_EQ(cudaStreamBeginCapture(cudaStreamLegacy, cudaStreamCaptureModeGlobal),
            cudaErrorStreamCaptureUnsupported);
  begin(main_);
  EXPECT_EQ(cudaStreamBeginCapture(main_, cudaStreamCaptureModeGlobal), cudaErrorIllegalState);
  ASSERT_EQ(cudaEventRecord(fork_, main_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(side_, fork_, 0), cudaSuccess);
  launch_fill(data_, kCount, 1, side_);
  EXPECT_EQ(cudaStreamEndCapture(main_, &graph), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(graph, nullptr);
  begin(main_);
  ASSERT_EQ(cudaEventRecord(fork_, main_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(side_, fork_, 0), cudaSuccess);
  EXPECT_EQ(cudaStreamEndCapture(side_, &graph), cudaErrorStreamCaptureUnmatched);
  expect_invalid(main_);
  begin(main_);
  std::thread([&] {
    cudaGraph_t other = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(main_, &other), cudaErrorStreamCaptureWrongThread);
  }).join();
  expect_invalid(main_);
  begin(main_, cudaStreamCaptureModeRelaxed);
  std::thread([&] { EXPECT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess); }).join();
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

// NCCL asks a stream of its own where an event stands, destroys it while the capture goes on, and
// leaves another one behind a node that it has added itself.
TEST_F(CaptureTest, ForkedStreamsWithoutWorkOfTheirOwnNeedNotJoin) {
  const auto fork = [&](bool with_work) {
    cudaStream_t helper = nullptr;
    EXPECT_EQ(cudaStreamCreateWithFlags(&helper, cudaStreamNonBlocking), cudaSuccess);
    EXPECT_EQ(cudaEventRecord(fork_, main_), cudaSuccess);
    EXPECT_EQ(cudaStreamWaitEvent(helper, fork_, 0), cudaSuccess);
    if (with_work) {
      launch_fill(data_, kCount, 2, helper);
    }
    EXPECT_EQ(cudaStreamDestroy(helper), cudaSuccess);
  };
  cudaGraph_t graph = nullptr;
  begin(main_);
  launch_fill(data_, kCount, 1, main_);
  fork(false);
  EXPECT_EQ(cudaStreamWaitEvent(side_, fork_, 0), cudaSuccess);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  ASSERT_EQ(cudaStreamGetCaptureInfo(side_, &status, nullptr, &graph, nullptr, nullptr, nullptr),
            cudaSuccess);
  cudaGraphNode_t own = nullptr;
  ASSERT_EQ(cudaGraphAddEmptyNode(&own, graph, nullptr, 0), cudaSuccess);
  ASSERT_EQ(cudaStreamUpdateCaptureDependencies(side_, &own, nullptr, 1,
                                                cudaStreamSetCaptureDependencies),
            cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  begin(main_);
  launch_fill(data_, kCount, 1, main_);
  fork(true);
  EXPECT_EQ(cudaStreamEndCapture(main_, &graph), cudaErrorStreamCaptureUnjoined)
      << "work of a destroyed stream";
}

TEST_F(CaptureTest, CapturesDoNotMixWithEachOtherOrWithOtherWork) {
  begin(main_);
  begin(side_);
  ASSERT_EQ(cudaEventRecord(fork_, main_), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(side_, fork_, 0), cudaErrorStreamCaptureMerge);
  expect_invalid(main_);
  expect_invalid(side_);
  ASSERT_EQ(cudaEventRecord(join_, side_), cudaSuccess);
  begin(main_);
  EXPECT_EQ(cudaStreamWaitEvent(main_, join_, 0), cudaErrorStreamCaptureIsolation);
  expect_invalid(main_);
}

TEST_F(CaptureTest, TheLegacyStreamMustNotDependOnABlockingCapture) {
  cudaStream_t blocking = nullptr;
  ASSERT_EQ(cudaStreamCreate(&blocking), cudaSuccess);
  begin(blocking, cudaStreamCaptureModeRelaxed);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  EXPECT_EQ(cudaStreamIsCapturing(cudaStreamLegacy, &status), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(cudaStreamIsCapturing(blocking, &status), cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusActive) << "asking does no harm";
  EXPECT_EQ(cudaMemset(data_, 0, 4), cudaErrorStreamCaptureImplicit);
  expect_invalid(blocking);
  begin(blocking, cudaStreamCaptureModeRelaxed);
  int value = 0;
  EXPECT_EQ(cudaMemcpy(&value, data_, 4, cudaMemcpyDeviceToHost), cudaErrorStreamCaptureImplicit);
  expect_invalid(blocking);
  EXPECT_EQ(cudaStreamDestroy(blocking), cudaSuccess);
  begin(main_, cudaStreamCaptureModeRelaxed);
  EXPECT_EQ(cudaMemcpy(&value, data_, 4, cudaMemcpyDeviceToHost), cudaSuccess)
      << "a non-blocking stream has nothing to do with the legacy one";
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(CaptureTest, ModesDecideWhichThreadsMayCallWhatMayBeUnsafe) {
  const auto allocate = [] {
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, 4);
    return error == cudaSuccess ? cudaFree(memory) : error;
  };
  const auto in_other_thread = [&](cudaStreamCaptureMode mode) {
    cudaError_t error = cudaSuccess;
    std::thread([&] {
      EXPECT_EQ(cudaThreadExchangeStreamCaptureMode(&mode), cudaSuccess);
      error = allocate();
    }).join();
    return error;
  };
  begin(main_, cudaStreamCaptureModeGlobal);
  EXPECT_EQ(in_other_thread(cudaStreamCaptureModeThreadLocal), cudaSuccess);
  EXPECT_EQ(in_other_thread(cudaStreamCaptureModeGlobal), cudaErrorStreamCaptureUnsupported);
  expect_invalid(main_);
  begin(main_, cudaStreamCaptureModeThreadLocal);
  EXPECT_EQ(in_other_thread(cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(allocate(), cudaErrorStreamCaptureUnsupported);
  expect_invalid(main_);
  begin(main_, cudaStreamCaptureModeRelaxed);
  EXPECT_EQ(allocate(), cudaSuccess);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  begin(main_, cudaStreamCaptureModeGlobal);
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  ASSERT_EQ(cudaThreadExchangeStreamCaptureMode(&mode), cudaSuccess);
  EXPECT_EQ(mode, cudaStreamCaptureModeGlobal) << "the default";
  EXPECT_EQ(allocate(), cudaSuccess);
  ASSERT_EQ(cudaThreadExchangeStreamCaptureMode(&mode), cudaSuccess);
  EXPECT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(CaptureTest, ExternalEventsAreNodesAndStreamMemoryIsTheGraphs) {
  EXPECT_EQ(cudaEventRecordWithFlags(fork_, main_, cudaEventRecordExternal), cudaErrorInvalidValue)
      << "outside of a capture";
  begin(main_, cudaStreamCaptureModeRelaxed);
  void* memory = nullptr;
  ASSERT_EQ(cudaMallocAsync(&memory, kCount * sizeof(int), main_), cudaSuccess);
  launch_fill(static_cast<int*>(memory), kCount, 12, main_);
  ASSERT_EQ(cudaMemcpyAsync(data_, memory, 4, cudaMemcpyDeviceToDevice, main_), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(memory, main_), cudaSuccess);
  ASSERT_EQ(cudaEventRecordWithFlags(fork_, main_, cudaEventRecordExternal), cudaSuccess);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess);
  EXPECT_EQ(nodes_of(graph), 5U);
  std::array<cudaGraphNode_t, 5> nodes{};
  std::size_t count = 5;
  ASSERT_EQ(cudaGraphGetNodes(graph, nodes.data(), &count), cudaSuccess);
  std::vector<int> types;
  for (cudaGraphNode_t node : nodes) {
    cudaGraphNodeType type = cudaGraphNodeTypeCount;
    EXPECT_EQ(cudaGraphNodeGetType(node, &type), cudaSuccess);
    types.push_back(type);
  }
  EXPECT_EQ(types, (std::vector<int>{cudaGraphNodeTypeMemAlloc, cudaGraphNodeTypeKernel,
                                     cudaGraphNodeTypeMemcpy, cudaGraphNodeTypeMemFree,
                                     cudaGraphNodeTypeEventRecord}));
  run_and_destroy(graph, 3);
  EXPECT_EQ(cudaEventQuery(fork_), cudaSuccess);
  EXPECT_EQ(read(0), 12);
}

TEST_F(CaptureTest, ALaunchedGraphIsCapturedAsAChild) {
  begin(main_);
  launch_slow_increment(data_, kCount, 1, main_);
  launch_slow_increment(data_, kCount, 1, main_);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess);
  cudaGraphExec_t instance = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&instance, graph, 0), cudaSuccess);
  begin(main_);
  ASSERT_EQ(cudaGraphLaunch(instance, main_), cudaSuccess);
  launch_slow_increment(data_, kCount, 1, main_);
  cudaGraph_t outer = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(main_, &outer), cudaSuccess);
  EXPECT_EQ(nodes_of(outer), 2U);
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  run_and_destroy(outer);
  EXPECT_EQ(read(0), 3);
}

TEST_F(CaptureTest, PerThreadStreamsAndOtherDevicesTakePart) {
  ASSERT_EQ(cudaStreamBeginCapture(cudaStreamPerThread, cudaStreamCaptureModeRelaxed), cudaSuccess);
  launch_fill(data_, kCount, 6, cudaStreamPerThread);
  ASSERT_EQ(cudaEventRecord(fork_, cudaStreamPerThread), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t far = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&far, cudaStreamNonBlocking), cudaSuccess);
  cudaEvent_t back = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&back, cudaEventDisableTiming), cudaSuccess);
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, kCount * sizeof(int)), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(far, fork_, 0), cudaSuccess);
  launch_fill(static_cast<int*>(memory), kCount, 5, far);
  ASSERT_EQ(cudaMemcpyPeerAsync(data_ + kCount, 0, memory, 1, 4, far), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(back, far), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(cudaStreamPerThread, back, 0), cudaSuccess);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(cudaStreamPerThread, &graph), cudaSuccess);
  run_and_destroy(graph);
  EXPECT_EQ(read(0), 6);
  EXPECT_EQ(read(kCount), 5);
  EXPECT_EQ(cudaEventDestroy(back), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(far), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(1), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
}

}  // namespace
}  // namespace rackproof::test

// Graphs of explicit nodes: structure, execution as a DAG, instances and their updates.

#include "tests/emulator/api/kernels.hpp"

#include <cuda_runtime_api.h>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace rackproof::test {
namespace {

constexpr int kCount = 256;

class GraphTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    void* memory = nullptr;
    ASSERT_EQ(cudaMalloc(&memory, 4 * kCount * sizeof(int)), cudaSuccess);
    data_ = static_cast<int*>(memory);
    ASSERT_EQ(cudaMemset(data_, 0, 4 * kCount * sizeof(int)), cudaSuccess);
    ASSERT_EQ(cudaStreamCreate(&stream_), cudaSuccess);
    ASSERT_EQ(cudaGraphCreate(&graph_, 0), cudaSuccess);
  }
  void TearDown() override {
    EXPECT_EQ(cudaGraphDestroy(graph_), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
  }

  // Arguments live as long as the test; nodes copy them when they are made.
  cudaKernelNodeParams increment(int* out, int spins) {
    out_ = out;
    spins_ = spins;
    arguments_ = {&out_, &count_, &spins_};
    return parameters(kSlowIncrementKernel);
  }
  cudaKernelNodeParams fill(int* out, int value) {
    out_ = out;
    spins_ = value;
    arguments_ = {&out_, &count_, &spins_};
    return parameters(kFillKernel);
  }
  cudaKernelNodeParams parameters(const void* kernel) {
    return {const_cast<void*>(kernel), {2, 1, 1}, {128, 1, 1}, 0, arguments_.data(), nullptr};
  }
  cudaGraphNode_t add(const cudaKernelNodeParams& kernel,
                      const std::vector<cudaGraphNode_t>& after = {}) {
    cudaGraphNode_t node = nullptr;
    EXPECT_EQ(cudaGraphAddKernelNode(&node, graph_, after.data(), after.size(), &kernel),
              cudaSuccess);
    return node;
  }
  cudaGraphExec_t instantiate() {
    cudaGraphExec_t instance = nullptr;
    EXPECT_EQ(cudaGraphInstantiate(&instance, graph_, 0), cudaSuccess);
    return instance;
  }
  void run(cudaGraphExec_t instance) {
    EXPECT_EQ(cudaGraphLaunch(instance, stream_), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  }
  int read(int index = 0) {
    int value = -1;
    EXPECT_EQ(cudaMemcpy(&value, data_ + index, 4, cudaMemcpyDeviceToHost), cudaSuccess);
    return value;
  }
  float milliseconds_of(cudaGraphExec_t instance) {
    cudaEvent_t start = nullptr;
    cudaEvent_t stop = nullptr;
    EXPECT_EQ(cudaEventCreate(&start), cudaSuccess);
    EXPECT_EQ(cudaEventCreate(&stop), cudaSuccess);
    EXPECT_EQ(cudaEventRecord(start, stream_), cudaSuccess);
    EXPECT_EQ(cudaGraphLaunch(instance, stream_), cudaSuccess);
    EXPECT_EQ(cudaEventRecord(stop, stream_), cudaSuccess);
    EXPECT_EQ(cudaEventSynchronize(stop), cudaSuccess);
    float milliseconds = -1;
    EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, stop), cudaSuccess);
    EXPECT_EQ(cudaEventDestroy(start), cudaSuccess);
    EXPECT_EQ(cudaEventDestroy(stop), cudaSuccess);
    return milliseconds;
  }

  int* data_ = nullptr;
  cudaStream_t stream_ = nullptr;
  cudaGraph_t graph_ = nullptr;
  int* out_ = nullptr;
  int count_ = kCount;
  int spins_ = 0;
  std::array<void*, 3> arguments_{};
};

TEST_F(GraphTest, DiamondRunsInOrderOfItsEdgesAtEveryLaunch) {
  const auto root = add(fill(data_, 5));
  const auto left = add(increment(data_, 3000), {root});
  const auto right = add(increment(data_ + kCount, 10), {root});
  // Joins: copies the left result behind the right one.
  cudaGraphNode_t copy = nullptr;
  const std::array both = {left, right};
  ASSERT_EQ(cudaGraphAddMemcpyNode1D(&copy, graph_, both.data(), 2, data_ + 2 * kCount, data_,
                                     kCount * sizeof(int), cudaMemcpyDeviceToDevice),
            cudaSuccess);
  const auto instance = instantiate();
  for (int launch = 1; launch <= 3; ++launch) {
    run(instance);
    EXPECT_EQ(read(2 * kCount + kCount - 1), 6);
    EXPECT_EQ(read(kCount), launch);
  }
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaErrorInvalidValue) << "destroyed twice";
}

TEST_F(GraphTest, IndependentBranchesRunAtOnceAndTakeTheLongestPath) {
  int* mine = data_;
  int* other = data_ + 1;
  int* has_met = data_ + 2;
  arguments_ = {&mine, &other, &has_met};
  auto first = parameters(kHandshakeKernel);
  first.gridDim = first.blockDim = {1, 1, 1};
  add(first);
  arguments_ = {&other, &mine, &has_met};
  add(first);
  const auto meeting = instantiate();
  run(meeting);
  EXPECT_EQ(read(2), 1) << "the branches were run one after the other";
  EXPECT_EQ(cudaGraphExecDestroy(meeting), cudaSuccess);

  const auto time = [&](bool is_chain) {
    EXPECT_EQ(cudaGraphDestroy(graph_), cudaSuccess);
    EXPECT_EQ(cudaGraphCreate(&graph_, 0), cudaSuccess);
    const auto a = add(increment(data_, 2000));
    add(increment(data_ + kCount, 2000),
        is_chain ? std::vector<cudaGraphNode_t>{a} : std::vector<cudaGraphNode_t>{});
    const auto instance = instantiate();
    const float milliseconds = milliseconds_of(instance);
    EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
    return milliseconds;
  };
  EXPECT_FLOAT_EQ(time(true), 2 * time(false));
}

TEST_F(GraphTest, StructureCanBeAskedFor) {
  const auto a = add(fill(data_, 1));
  const auto b = add(increment(data_, 1), {a});
  cudaGraphNode_t empty = nullptr;
  ASSERT_EQ(cudaGraphAddEmptyNode(&empty, graph_, &b, 1), cudaSuccess);
  std::size_t count = 0;
  ASSERT_EQ(cudaGraphGetNodes(graph_, nullptr, &count), cudaSuccess);
  EXPECT_EQ(count, 3U);
  std::array<cudaGraphNode_t, 5> nodes{};
  count = nodes.size();
  ASSERT_EQ(cudaGraphGetNodes(graph_, nodes.data(), &count), cudaSuccess);
  EXPECT_EQ(count, 3U);
  EXPECT_EQ(nodes[3], nullptr);
  count = nodes.size();
  ASSERT_EQ(cudaGraphGetRootNodes(graph_, nodes.data(), &count), cudaSuccess);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(nodes[0], a);
  std::array<cudaGraphNode_t, 4> from{};
  std::array<cudaGraphNode_t, 4> to{};
  count = 4;
  ASSERT_EQ(cudaGraphGetEdges(graph_, from.data(), to.data(), nullptr, &count), cudaSuccess);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(from[1], b);
  EXPECT_EQ(to[1], empty);
  count = 1;
  ASSERT_EQ(cudaGraphNodeGetDependencies(b, nodes.data(), nullptr, &count), cudaSuccess);
  EXPECT_EQ(nodes[0], a);
  count = 1;
  ASSERT_EQ(cudaGraphNodeGetDependentNodes(b, nodes.data(), nullptr, &count), cudaSuccess);
  EXPECT_EQ(nodes[0], empty);
  cudaGraphNodeType type = cudaGraphNodeTypeCount;
  EXPECT_EQ(cudaGraphNodeGetType(b, &type), cudaSuccess);
  EXPECT_EQ(type, cudaGraphNodeTypeKernel);
  cudaKernelNodeParams kernel{};
  ASSERT_EQ(cudaGraphKernelNodeGetParams(b, &kernel), cudaSuccess);
  EXPECT_EQ(kernel.func, kSlowIncrementKernel);
  EXPECT_EQ(kernel.gridDim.x, 2U);
  EXPECT_EQ(*static_cast<int**>(kernel.kernelParams[0]), data_);
  EXPECT_EQ(*static_cast<int*>(kernel.kernelParams[1]), kCount);
  // The file names each node and edge.
  const std::string path = testing::TempDir() + "/rackproof_graph.dot";
  ASSERT_EQ(cudaGraphDebugDotPrint(graph_, path.c_str(), cudaGraphDebugDotFlagsVerbose),
            cudaSuccess);
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_NE(text.str().find("slow_increment_kernel"), std::string::npos);
  EXPECT_NE(text.str().find(" -> "), std::string::npos);
  std::remove(path.c_str());
}

TEST_F(GraphTest, EdgesAreCheckedAndCyclesCannotBeInstantiated) {
  const auto a = add(fill(data_, 1));
  const auto b = add(fill(data_, 2), {a});
  EXPECT_EQ(cudaGraphAddDependencies(graph_, &a, &b, nullptr, 1), cudaErrorInvalidValue)
      << "exists";
  EXPECT_EQ(cudaGraphAddDependencies(graph_, &a, &a, nullptr, 1), cudaErrorInvalidValue);
  const std::array twice = {a, a};
  cudaGraphNode_t node = nullptr;
  EXPECT_EQ(cudaGraphAddEmptyNode(&node, graph_, twice.data(), 2), cudaErrorInvalidValue);
  ASSERT_EQ(cudaGraphAddDependencies(graph_, &b, &a, nullptr, 1), cudaSuccess);
  cudaGraphExec_t instance = nullptr;
  EXPECT_EQ(cudaGraphInstantiate(&instance, graph_, 0), cudaErrorInvalidValue);
  cudaGraphInstantiateParams parameters{};
  EXPECT_EQ(cudaGraphInstantiateWithParams(&instance, graph_, &parameters), cudaErrorInvalidValue);
  EXPECT_EQ(parameters.result_out, cudaGraphInstantiateInvalidStructure);
  ASSERT_EQ(cudaGraphRemoveDependencies(graph_, &b, &a, nullptr, 1), cudaSuccess);
  EXPECT_EQ(cudaGraphRemoveDependencies(graph_, &b, &a, nullptr, 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGraphDestroyNode(b), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroyNode(b), cudaErrorInvalidValue);
  std::size_t count = 0;
  ASSERT_EQ(cudaGraphGetNodes(graph_, nullptr, &count), cudaSuccess);
  EXPECT_EQ(count, 1U);
  auto wrong = fill(data_, 1);
  wrong.blockDim.x = 2000;
  EXPECT_EQ(cudaGraphAddKernelNode(&node, graph_, nullptr, 0, &wrong),
            cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGraphInstantiate(&instance, graph_, 1ULL << 20U), cudaErrorInvalidValue);
}

TEST_F(GraphTest, ClonesAndInstancesAreApartFromTheirGraph) {
  const auto node = add(fill(data_, 7));
  const auto instance = instantiate();
  cudaGraph_t clone = nullptr;
  ASSERT_EQ(cudaGraphClone(&clone, graph_), cudaSuccess);
  cudaGraphNode_t twin = nullptr;
  ASSERT_EQ(cudaGraphNodeFindInClone(&twin, node, clone), cudaSuccess);
  const auto changed = fill(data_, 9);
  ASSERT_EQ(cudaGraphKernelNodeSetParams(twin, &changed), cudaSuccess);
  EXPECT_EQ(cudaGraphNodeFindInClone(&twin, node, graph_), cudaErrorInvalidValue);
  cudaGraphExec_t other = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&other, clone, 0), cudaSuccess);
  run(other);
  EXPECT_EQ(read(), 9);
  EXPECT_EQ(cudaGraphDestroy(clone), cudaSuccess);
  run(instance);
  EXPECT_EQ(read(), 7);
  run(other);
  EXPECT_EQ(read(), 9) << "an instance outlives its graph";
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(other), cudaSuccess);
}

TEST_F(GraphTest, InstancesTakeNewParametersForLaterLaunches) {
  const auto kernel = add(increment(data_, 20000));
  cudaGraphNode_t copy = nullptr;
  ASSERT_EQ(cudaGraphAddMemcpyNode1D(&copy, graph_, &kernel, 1, data_ + kCount, data_, 4,
                                     cudaMemcpyDeviceToDevice),
            cudaSuccess);
  cudaGraphNode_t memset = nullptr;
  const cudaMemsetParams zeros{data_ + 2 * kCount, 0, 0x11, 1, 4, 1};
  ASSERT_EQ(cudaGraphAddMemsetNode(&memset, graph_, &copy, 1, &zeros), cudaSuccess);
  const auto instance = instantiate();
  ASSERT_EQ(cudaGraphLaunch(instance, stream_), cudaSuccess);
  // The launch in progress keeps what it began with.
  const auto next = fill(data_, 100);
  ASSERT_EQ(cudaGraphExecKernelNodeSetParams(instance, kernel, &next), cudaSuccess);
  const cudaMemsetParams words{data_ + 2 * kCount, 0, 0x01020304, 4, 2, 1};
  ASSERT_EQ(cudaGraphExecMemsetNodeSetParams(instance, memset, &words), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(read(kCount), 1);
  EXPECT_EQ(read(2 * kCount), 0x11111111);
  run(instance);
  EXPECT_EQ(read(kCount), 100);
  EXPECT_EQ(read(2 * kCount + 1), 0x01020304);

  ASSERT_EQ(cudaGraphNodeSetEnabled(instance, kernel, 0), cudaSuccess);
  unsigned is_enabled = 1;
  EXPECT_EQ(cudaGraphNodeGetEnabled(instance, kernel, &is_enabled), cudaSuccess);
  EXPECT_EQ(is_enabled, 0U);
  ASSERT_EQ(cudaMemset(data_, 0, 4), cudaSuccess);
  run(instance);
  EXPECT_EQ(read(kCount), 0) << "the copy ran, the kernel did not";
  int host = 0;
  EXPECT_EQ(
      cudaGraphExecMemcpyNodeSetParams1D(instance, copy, &host, data_, 4, cudaMemcpyDeviceToHost),
      cudaErrorInvalidValue)
      << "the operands' memory must stay where it is";
  EXPECT_EQ(cudaGraphExecMemsetNodeSetParams(instance, copy, &words), cudaErrorInvalidValue)
      << "a node's kind cannot change";
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
}

TEST_F(GraphTest, UpdateTakesAGraphOfTheSameShapeAndNamesWhatDiffers) {
  const auto a = add(fill(data_, 1));
  add(increment(data_, 1), {a});
  const auto instance = instantiate();
  const auto rebuild = [&](bool has_edge, bool has_third, int value) {
    EXPECT_EQ(cudaGraphDestroy(graph_), cudaSuccess);
    EXPECT_EQ(cudaGraphCreate(&graph_, 0), cudaSuccess);
    const auto first = add(fill(data_, value));
    auto last =
        add(increment(data_, 1), has_edge ? std::vector{first} : std::vector<cudaGraphNode_t>{});
    return has_third ? add(fill(data_ + kCount, 1), {last}) : last;
  };
  cudaGraphExecUpdateResultInfo result{};
  rebuild(true, false, 40);
  EXPECT_EQ(cudaGraphExecUpdate(instance, graph_, &result), cudaSuccess);
  EXPECT_EQ(result.result, cudaGraphExecUpdateSuccess);
  run(instance);
  EXPECT_EQ(read(), 41);
  const auto unordered = rebuild(false, false, 50);
  EXPECT_EQ(cudaGraphExecUpdate(instance, graph_, &result), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(result.result, cudaGraphExecUpdateErrorTopologyChanged);
  EXPECT_EQ(result.errorNode, unordered);
  const auto third = rebuild(true, true, 60);
  EXPECT_EQ(cudaGraphExecUpdate(instance, graph_, &result), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(result.result, cudaGraphExecUpdateErrorTopologyChanged);
  EXPECT_EQ(result.errorNode, third);
  EXPECT_EQ(cudaGraphDestroy(graph_), cudaSuccess);
  ASSERT_EQ(cudaGraphCreate(&graph_, 0), cudaSuccess);
  const auto first = add(fill(data_, 70));
  cudaGraphNode_t empty = nullptr;
  ASSERT_EQ(cudaGraphAddEmptyNode(&empty, graph_, &first, 1), cudaSuccess);
  EXPECT_EQ(cudaGraphExecUpdate(instance, graph_, &result), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(result.result, cudaGraphExecUpdateErrorNodeTypeChanged);
  EXPECT_EQ(result.errorNode, empty);
  EXPECT_EQ(cudaGetLastError(), cudaErrorGraphExecUpdateFailure);
  run(instance);
  EXPECT_EQ(read(), 41) << "a failed update changes nothing";
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
}

TEST_F(GraphTest, ChildGraphsAreCopiedAndRunInside) {
  cudaGraph_t child = nullptr;
  ASSERT_EQ(cudaGraphCreate(&child, 0), cudaSuccess);
  const auto inner_parameters = increment(data_, 5);
  cudaGraphNode_t inner = nullptr;
  ASSERT_EQ(cudaGraphAddKernelNode(&inner, child, nullptr, 0, &inner_parameters), cudaSuccess);
  const auto root = add(fill(data_, 1));
  cudaGraphNode_t node = nullptr;
  ASSERT_EQ(cudaGraphAddChildGraphNode(&node, graph_, &root, 1, child), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(child), cudaSuccess);
  ASSERT_EQ(cudaGraphChildGraphNodeGetGraph(node, &child), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(child), cudaErrorInvalidValue) << "it belongs to the node";
  std::size_t count = 1;
  ASSERT_EQ(cudaGraphGetNodes(child, &inner, &count), cudaSuccess);
  const auto after = increment(data_, 1);
  cudaGraphNode_t last = nullptr;
  ASSERT_EQ(cudaGraphAddKernelNode(&last, graph_, &node, 1, &after), cudaSuccess);
  const auto instance = instantiate();
  run(instance);
  EXPECT_EQ(read(), 3);
  const auto replaced = fill(data_, 10);
  ASSERT_EQ(cudaGraphExecKernelNodeSetParams(instance, inner, &replaced), cudaSuccess);
  run(instance);
  EXPECT_EQ(read(), 11);
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
}

TEST_F(GraphTest, HostNodesRunWithTheirDataInOrder) {
  struct Step {
    std::vector<int>* order;
    int number;
  };
  std::vector<int> order;
  std::array<Step, 3> steps = {Step{&order, 1}, Step{&order, 2}, Step{&order, 3}};
  cudaGraphNode_t previous = nullptr;
  for (Step& step : steps) {
    const cudaHostNodeParams host{[](void* opaque) {
                                    const auto* mine = static_cast<Step*>(opaque);
                                    mine->order->push_back(mine->number);
                                  },
                                  &step};
    cudaGraphNode_t node = nullptr;
    ASSERT_EQ(cudaGraphAddHostNode(&node, graph_, &previous, previous != nullptr ? 1 : 0, &host),
              cudaSuccess);
    previous = node;
  }
  const auto instance = instantiate();
  run(instance);
  run(instance);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
}

TEST_F(GraphTest, EventNodesOrderOtherStreamsAndTakeTheirTime) {
  cudaEvent_t start = nullptr;
  cudaEvent_t stop = nullptr;
  ASSERT_EQ(cudaEventCreate(&start), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&stop), cudaSuccess);
  cudaGraphNode_t record = nullptr;
  ASSERT_EQ(cudaGraphAddEventRecordNode(&record, graph_, nullptr, 0, start), cudaSuccess);
  const auto kernel = add(increment(data_, 2000), {record});
  ASSERT_EQ(cudaGraphAddEventRecordNode(&record, graph_, &kernel, 1, stop), cudaSuccess);
  const auto instance = instantiate();
  cudaStream_t other = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(instance, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(other, stop, 0), cudaSuccess);
  int value = 0;
  ASSERT_EQ(cudaMemcpyAsync(&value, data_, 4, cudaMemcpyDeviceToHost, other), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(other), cudaSuccess);
  EXPECT_EQ(value, 1);
  float milliseconds = 0;
  ASSERT_EQ(cudaEventElapsedTime(&milliseconds, start, stop), cudaSuccess);
  EXPECT_GT(milliseconds, 0.002F);

  // A wait node holds its branch until the event's record of another stream is reached.
  cudaGraph_t waiting = nullptr;
  ASSERT_EQ(cudaGraphCreate(&waiting, 0), cudaSuccess);
  cudaGraphNode_t wait = nullptr;
  ASSERT_EQ(cudaGraphAddEventWaitNode(&wait, waiting, nullptr, 0, stop), cudaSuccess);
  cudaGraphNode_t copy = nullptr;
  ASSERT_EQ(cudaGraphAddMemcpyNode1D(&copy, waiting, &wait, 1, data_ + kCount, data_, 4,
                                     cudaMemcpyDeviceToDevice),
            cudaSuccess);
  cudaGraphExec_t second = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&second, waiting, 0), cudaSuccess);
  launch_slow_increment(data_, kCount, 20000, other);
  ASSERT_EQ(cudaEventRecord(stop, other), cudaSuccess);
  run(second);
  EXPECT_EQ(read(kCount), 2);
  EXPECT_EQ(cudaGraphExecDestroy(second), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(waiting), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(start), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(stop), cudaSuccess);
}

TEST_F(GraphTest, LaunchesOfOneInstanceAreSerialAcrossStreams) {
  add(increment(data_, 3000));
  const auto instance = instantiate();
  cudaStream_t other = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(cudaGraphLaunch(instance, i % 2 == 0 ? stream_ : other), cudaSuccess);
  }
  // Destroying comes into effect when the launches are done.
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(read(), 4) << "less if two launches ran at once and lost an increment";
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

TEST_F(GraphTest, MemoryNodesGiveMemoryFromTheirAllocationToTheirFree) {
  cudaMemAllocNodeParams allocation{};
  allocation.poolProps.allocType = cudaMemAllocationTypePinned;
  allocation.poolProps.location = {cudaMemLocationTypeDevice, 0};
  allocation.bytesize = kCount * sizeof(int);
  cudaGraphNode_t alloc = nullptr;
  ASSERT_EQ(cudaGraphAddMemAllocNode(&alloc, graph_, nullptr, 0, &allocation), cudaSuccess);
  ASSERT_NE(allocation.dptr, nullptr);
  auto* memory = static_cast<int*>(allocation.dptr);
  const auto kernel = add(fill(memory, 21), {alloc});
  cudaGraphNode_t copy = nullptr;
  ASSERT_EQ(cudaGraphAddMemcpyNode1D(&copy, graph_, &kernel, 1, data_, memory, 4,
                                     cudaMemcpyDeviceToDevice),
            cudaSuccess);
  const auto instance = instantiate();
  cudaGraphExec_t second = nullptr;
  EXPECT_EQ(cudaGraphInstantiate(&second, graph_, 0), cudaErrorNotSupported)
      << "one instance at a time";
  cudaGraph_t clone = nullptr;
  EXPECT_EQ(cudaGraphClone(&clone, graph_), cudaErrorNotSupported);
  run(instance);
  EXPECT_EQ(read(), 21);
  std::uint64_t used = 0;
  ASSERT_EQ(cudaDeviceGetGraphMemAttribute(0, cudaGraphMemAttrUsedMemCurrent, &used), cudaSuccess);
  EXPECT_GE(used, allocation.bytesize);
  EXPECT_EQ(cudaGraphLaunch(instance, stream_), cudaErrorInvalidValue) << "not freed since";
  ASSERT_EQ(cudaFreeAsync(memory, stream_), cudaSuccess);
  run(instance);
  ASSERT_EQ(cudaFree(memory), cudaSuccess);
  ASSERT_EQ(cudaDeviceGetGraphMemAttribute(0, cudaGraphMemAttrUsedMemCurrent, &used), cudaSuccess);
  EXPECT_EQ(used, 0U);
  std::uint64_t reserved = 0;
  ASSERT_EQ(cudaDeviceGetGraphMemAttribute(0, cudaGraphMemAttrReservedMemCurrent, &reserved),
            cudaSuccess);
  EXPECT_GT(reserved, 0U);
  ASSERT_EQ(cudaDeviceGraphMemTrim(0), cudaSuccess);
  ASSERT_EQ(cudaDeviceGetGraphMemAttribute(0, cudaGraphMemAttrReservedMemCurrent, &reserved),
            cudaSuccess);
  EXPECT_EQ(reserved, 0U);
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);

  // With the flag a launch frees by itself what the one before left.
  ASSERT_EQ(cudaGraphInstantiate(&second, graph_, cudaGraphInstantiateFlagAutoFreeOnLaunch),
            cudaSuccess);
  run(second);
  run(second);
  EXPECT_EQ(read(), 21);
  // With a free node the memory is gone after the launch, and using it is a fault.
  ASSERT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(second), cudaSuccess);
  cudaGraphNode_t free = nullptr;
  ASSERT_EQ(cudaGraphAddMemFreeNode(&free, graph_, &copy, 1, memory), cudaSuccess);
  EXPECT_EQ(cudaGraphAddMemFreeNode(&free, graph_, &copy, 1, memory), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGraphDestroyNode(free), cudaErrorNotSupported);
  ASSERT_EQ(cudaGraphInstantiate(&second, graph_, 0), cudaSuccess);
  run(second);
  run(second);
  launch_fill(memory, kCount, 1, stream_);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorIllegalAddress);
  ASSERT_EQ(cudaDeviceReset(), cudaSuccess);
  ASSERT_EQ(cudaStreamCreate(&stream_), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(second), cudaSuccess);
}

TEST_F(GraphTest, UserObjectsLiveAsLongAsGraphsAndInstances) {
  std::atomic<int> destroyed{0};
  cudaUserObject_t object = nullptr;
  const auto destroy = [](void* counter) { static_cast<std::atomic<int>*>(counter)->fetch_add(1); };
  EXPECT_EQ(cudaUserObjectCreate(&object, &destroyed, destroy, 1, 0), cudaErrorInvalidValue)
      << "the flag is required";
  ASSERT_EQ(cudaUserObjectCreate(&object, &destroyed, destroy, 1, cudaUserObjectNoDestructorSync),
            cudaSuccess);
  ASSERT_EQ(cudaGraphRetainUserObject(graph_, object, 1, cudaGraphUserObjectMove), cudaSuccess);
  add(fill(data_, 1));
  const auto instance = instantiate();
  EXPECT_EQ(cudaGraphDestroy(graph_), cudaSuccess);
  ASSERT_EQ(cudaGraphCreate(&graph_, 0), cudaSuccess);
  run(instance);
  EXPECT_EQ(destroyed.load(), 0);
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
  for (int i = 0; i < 2000 && destroyed.load() == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(destroyed.load(), 1);
  EXPECT_EQ(cudaUserObjectRelease(object, 1), cudaErrorInvalidValue) << "gone";
}

TEST_F(GraphTest, AFaultInANodeIsTheDevicesStickyError) {
  long long offset = 1;
  arguments_ = {&out_, &count_, &spins_};
  out_ = reinterpret_cast<int*>(offset << 45);
  add(parameters(kFillKernel));
  const auto instance = instantiate();
  // The launch itself may already see the fault, as CUDA says of all asynchronous calls.
  const cudaError_t launched = cudaGraphLaunch(instance, stream_);
  EXPECT_TRUE(launched == cudaSuccess || launched == cudaErrorIllegalAddress) << launched;
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGraphLaunch(instance, stream_), cudaErrorIllegalAddress);
  ASSERT_EQ(cudaDeviceReset(), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(instance), cudaSuccess);
}

}  // namespace
}  // namespace rackproof::test

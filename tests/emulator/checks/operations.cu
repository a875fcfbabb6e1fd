// Copies, fills and nodes of graphs that nothing orders; memory of other devices.
#include "tests/emulator/checks/planted.hpp"

#include <cuda.h>

#include <array>
#include <atomic>

namespace {

constexpr int kWords = 4096;

__global__ void add_one(int* words) {
  words[threadIdx.x] += 1;
}
__global__ void sum_of_two(const int* from, int* to) {
  to[threadIdx.x] = from[threadIdx.x] + from[threadIdx.x + 64];
}

// Grids of which the second may begin before the first has ended.
enum class Trigger { none, first, after_wait };
template <Trigger kTrigger>
__global__ void publish(int* words) {
  if (kTrigger == Trigger::first) {
    cudaTriggerProgrammaticLaunchCompletion();
  }
  cudaGridDependencySynchronize();
  if (kTrigger == Trigger::after_wait) {
    cudaTriggerProgrammaticLaunchCompletion();
  }
  words[threadIdx.x] += 1;
}
template <bool kOneWaits>
__global__ void use(int* from, int* to, bool synchronises) {
  if (kOneWaits && threadIdx.x == 0) {
    cudaGridDependencySynchronize();
  }
  if (synchronises) {
    __syncthreads();
  }
  to[threadIdx.x] = from[threadIdx.x];
}

void launch_programmatically(const void* kernel, void** arguments, cudaStream_t stream = nullptr) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1);
  config.blockDim = dim3(64);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  cudaLaunchKernelExC(&config, kernel, arguments);
}
template <bool kOneWaits>
void launch_use(int* from, int* to, bool synchronises, cudaStream_t stream = nullptr) {
  void* arguments[] = {&from, &to, &synchronises};
  launch_programmatically(reinterpret_cast<const void*>(use<kOneWaits>), arguments, stream);
}
void launch_publish(void (*kernel)(int*), int* words) {
  void* arguments[] = {&words};
  launch_programmatically(reinterpret_cast<const void*>(kernel), arguments);
}

void programmatic_read_without_wait(bool is_correct, int* memory) {
  publish<Trigger::first><<<1, 64>>>(memory);
  is_correct ? launch_use<true>(memory, memory + 64, true)
             : launch_use<false>(memory, memory + 64, true);
}
void programmatic_write_without_wait(bool is_correct, int* memory) {
  publish<Trigger::first><<<1, 64>>>(memory);
  is_correct ? launch_use<true>(memory + 64, memory, true)
             : launch_use<false>(memory + 64, memory, true);
}
void programmatic_wait_of_one_thread(bool is_correct, int* memory) {
  publish<Trigger::first><<<1, 64>>>(memory);
  launch_use<true>(memory, memory + 64, is_correct);
}
// The third grid does not wait for the first one, whose end the second one awaits too late.
void programmatic_wait_for_the_grid_before(bool is_correct, int* memory) {
  publish<Trigger::first><<<1, 64>>>(memory);
  launch_publish(is_correct ? publish<Trigger::after_wait> : publish<Trigger::first>, memory + 64);
  launch_use<false>(memory, memory + 128, true);
}
// Where nobody triggers, grids follow each other as ever.
void programmatic_launch_without_wait(bool is_correct, int* memory) {
  is_correct ? publish<Trigger::none><<<1, 64>>>(memory)
             : publish<Trigger::first><<<1, 64>>>(memory);
  launch_use<false>(memory, memory + 64, true);
}

// The same in a graph, captured from a stream.
void captured_programmatic_launch_without_wait(bool is_correct, int* memory) {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
  publish<Trigger::first><<<1, 64, 0, stream>>>(memory);
  is_correct ? launch_use<true>(memory, memory + 64, true, stream)
             : launch_use<false>(memory, memory + 64, true, stream);
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(stream, &graph);
  cudaGraphExec_t instance = nullptr;
  cudaGraphInstantiate(&instance, graph, 0);
  for (int i = 0; i < 4; ++i) {
    cudaGraphLaunch(instance, stream);
  }
  cudaStreamSynchronize(stream);
}

struct Streams {
  std::array<cudaStream_t, 2> stream{};
  cudaEvent_t event = nullptr;
  Streams() {
    for (cudaStream_t& each : stream) {
      cudaStreamCreateWithFlags(&each, cudaStreamNonBlocking);
    }
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  }
  // The second stream goes on behind what the first has so far.
  void order() const {
    cudaEventRecord(event, stream[0]);
    cudaStreamWaitEvent(stream[1], event, 0);
  }
};

int* pinned_words() {
  void* host = nullptr;
  cudaHostAlloc(&host, kWords * sizeof(int), cudaHostAllocDefault);
  return static_cast<int*>(host);
}

void result_copied_too_early(bool is_correct, int* memory) {
  const Streams streams;
  add_one<<<1, 64, 0, streams.stream[0]>>>(memory);
  if (is_correct) {
    streams.order();
  }
  cudaMemcpyAsync(pinned_words(), memory, 256, cudaMemcpyDeviceToHost, streams.stream[1]);
}
// What follows a function that waits for this stays in its stream until then.
std::atomic<bool> all_is_queued{false};

void result_freed_before_its_copy(bool is_correct, int*) {
  const Streams streams;
  all_is_queued = false;
  void* words = nullptr;
  cudaMallocAsync(&words, 256, streams.stream[0]);
  cudaMemsetAsync(words, 0, 256, streams.stream[0]);
  add_one<<<1, 64, 0, streams.stream[0]>>>(static_cast<int*>(words));
  cudaLaunchHostFunc(
      streams.stream[0], [](void*) { all_is_queued.wait(false); }, nullptr);
  int* const result = pinned_words();
  if (!is_correct) {
    cudaFreeAsync(words, streams.stream[0]);
  }
  cudaMemcpyAsync(result, words, 256, cudaMemcpyDeviceToHost, streams.stream[0]);
  all_is_queued = true;
  all_is_queued.notify_all();
}
void input_copied_too_late(bool is_correct, int* memory) {
  const Streams streams;
  cudaMemcpyAsync(memory, pinned_words(), 256, cudaMemcpyHostToDevice, streams.stream[0]);
  if (is_correct) {
    streams.order();
  }
  add_one<<<1, 64, 0, streams.stream[1]>>>(memory);
}
void input_replaced_while_read(bool is_correct, int* memory) {
  const Streams streams;
  sum_of_two<<<1, 64, 0, streams.stream[0]>>>(memory, memory + 1024);
  if (is_correct) {
    streams.order();
  }
  cudaMemcpyAsync(memory, pinned_words(), 256, cudaMemcpyHostToDevice, streams.stream[1]);
}
void result_cleared_too_early(bool is_correct, int* memory) {
  const Streams streams;
  cudaMemsetAsync(memory, 0, 256, streams.stream[0]);
  if (is_correct) {
    streams.order();
  }
  add_one<<<1, 64, 0, streams.stream[1]>>>(memory);
}
// The kernel has columns 64 to 127 of each row of 256 words; the fill may have all others.
void fill_of_columns_in_use(bool is_correct, int* memory) {
  const Streams streams;
  add_one<<<1, 64, 0, streams.stream[0]>>>(memory + 256 + 64);
  cudaMemset2DAsync(memory, 1024, 0, is_correct ? 256 : 260, 4, streams.stream[1]);
}
void two_copies_into_one_buffer(bool is_correct, int* memory) {
  const Streams streams;
  cudaMemcpyAsync(memory, memory + 1024, 1024, cudaMemcpyDeviceToDevice, streams.stream[0]);
  cudaMemcpyAsync(memory + (is_correct ? 256 : 255), memory + 2048, 1024, cudaMemcpyDeviceToDevice,
                  streams.stream[1]);
}
void peer_copy_beside_a_kernel(bool is_correct, int* memory) {
  const Streams streams;
  void* there = nullptr;
  cudaSetDevice(1);
  cudaMalloc(&there, 256);
  cudaStream_t other;
  cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  cudaSetDevice(0);
  add_one<<<1, 64, 0, streams.stream[0]>>>(memory);
  if (is_correct) {
    cudaEventRecord(streams.event, streams.stream[0]);
    cudaStreamWaitEvent(other, streams.event, 0);
  }
  cudaMemcpyPeerAsync(there, 1, memory, 0, 256, other);
  cudaSetDevice(1);
}

struct NodeOf {
  cudaGraph_t graph = nullptr;
  cudaGraphNode_t kernel(void (*function)(int*), int* words,
                         std::initializer_list<cudaGraphNode_t> after = {}) const {
    cudaKernelNodeParams parameters{};
    void* arguments[] = {&words};
    parameters.func = reinterpret_cast<void*>(function);
    parameters.gridDim = dim3(1);
    parameters.blockDim = dim3(64);
    parameters.kernelParams = arguments;
    cudaGraphNode_t node = nullptr;
    cudaGraphAddKernelNode(&node, graph, after.begin(), after.size(), &parameters);
    return node;
  }
  void launch() const {
    cudaGraphExec_t instance = nullptr;
    cudaGraphInstantiate(&instance, graph, 0);
    cudaGraphLaunch(instance, nullptr);
    cudaGraphLaunch(instance, nullptr);  // launches of one instance follow each other
    cudaDeviceSynchronize();
  }
};

void graph_kernels_without_a_path(bool is_correct, int* memory) {
  NodeOf nodes;
  cudaGraphCreate(&nodes.graph, 0);
  const cudaGraphNode_t first = nodes.kernel(add_one, memory);
  const cudaGraphNode_t between = nodes.kernel(add_one, memory + 64, {first});
  if (is_correct) {
    nodes.kernel(add_one, memory, {between});
  } else {
    nodes.kernel(add_one, memory);
  }
  nodes.launch();
}
void graph_copy_without_a_path(bool is_correct, int* memory) {
  NodeOf nodes;
  cudaGraphCreate(&nodes.graph, 0);
  const cudaGraphNode_t first = nodes.kernel(add_one, memory);
  cudaGraphNode_t copy = nullptr;
  cudaGraphAddMemcpyNode1D(&copy, nodes.graph, is_correct ? &first : nullptr, is_correct ? 1 : 0,
                           memory + 1024, memory, 256, cudaMemcpyDeviceToDevice);
  nodes.launch();
}
// What a child graph holds comes after what the child comes after, and before what follows it.
void child_graph_without_a_path(bool is_correct, int* memory) {
  NodeOf inner;
  cudaGraphCreate(&inner.graph, 0);
  inner.kernel(add_one, memory);
  NodeOf nodes;
  cudaGraphCreate(&nodes.graph, 0);
  const cudaGraphNode_t first = nodes.kernel(add_one, memory);
  cudaGraphNode_t child = nullptr;
  cudaGraphAddChildGraphNode(&child, nodes.graph, &first, 1, inner.graph);
  if (is_correct) {
    nodes.kernel(add_one, memory, {child});
  } else {
    nodes.kernel(add_one, memory, {first});
  }
  nodes.launch();
}
void graph_beside_another_stream(bool is_correct, int* memory) {
  const Streams streams;
  NodeOf nodes;
  cudaGraphCreate(&nodes.graph, 0);
  nodes.kernel(add_one, memory);
  cudaGraphExec_t instance = nullptr;
  cudaGraphInstantiate(&instance, nodes.graph, 0);
  cudaGraphLaunch(instance, streams.stream[0]);
  if (is_correct) {
    streams.order();
  }
  add_one<<<1, 64, 0, streams.stream[1]>>>(memory);
}

void mapping_of_another_device(bool is_correct, int*) {
  CUmemAllocationProp property{};
  property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  property.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  property.location.id = 0;
  std::size_t bytes = 0;
  cuMemGetAllocationGranularity(&bytes, &property, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
  CUmemGenericAllocationHandle handle = 0;
  CUdeviceptr address = 0;
  cuMemCreate(&handle, bytes, &property, 0);
  cuMemAddressReserve(&address, bytes, 0, 0, 0);
  cuMemMap(address, bytes, 0, handle, 0);
  CUmemAccessDesc access[2]{};
  for (int device = 0; device < 2; ++device) {
    access[device].location = property.location;
    access[device].location.id = device;
    access[device].flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  }
  cuMemSetAccess(address, bytes, access, 2);
  if (!is_correct) {
    access[1].flags = CU_MEM_ACCESS_FLAGS_PROT_NONE;
    cuMemSetAccess(address, bytes, &access[1], 1);
  }
  cudaSetDevice(1);
  add_one<<<1, 64>>>(reinterpret_cast<int*>(address));
}
void pool_of_another_device(bool is_correct, int*) {
  cudaMemPool_t pool = nullptr;
  cudaDeviceGetDefaultMemPool(&pool, 0);
  void* memory = nullptr;
  cudaMallocAsync(&memory, 256, nullptr);
  cudaStreamSynchronize(nullptr);
  cudaMemAccessDesc access{};
  access.location.type = cudaMemLocationTypeDevice;
  access.location.id = 1;
  access.flags = is_correct ? cudaMemAccessFlagsProtReadWrite : cudaMemAccessFlagsProtNone;
  cudaMemPoolSetAccess(pool, &access, 1);
  cudaSetDevice(1);
  add_one<<<1, 64>>>(static_cast<int*>(memory));
}

}  // namespace

namespace rackproof::test {

const std::vector<Planted>& operation_faults() {
  static const std::vector<Planted> faults = {
      {"result_copied_too_early", "result copied in another stream than the kernel's",
       "is not ordered after the", result_copied_too_early},
      {"result_freed_before_its_copy", "result copied after cudaFreeAsync", "was freed",
       result_freed_before_its_copy, false},
      {"input_copied_too_late", "kernel in another stream than the copy of its input",
       "is not ordered after the copy of 256 bytes", input_copied_too_late},
      {"input_replaced_while_read", "copy over a buffer that a kernel of another stream reads",
       "is not ordered after the", input_replaced_while_read},
      {"result_cleared_too_early", "kernel in another stream than the fill of its memory",
       "is not ordered after the fill of 256 bytes", result_cleared_too_early},
      {"fill_of_columns_in_use", "2D fill one word too wide beside a kernel of another stream",
       "is not ordered after the", fill_of_columns_in_use},
      {"two_copies_into_one_buffer", "copies of two streams overlap by one word",
       "is not ordered after the copy", two_copies_into_one_buffer, false},
      {"peer_copy_beside_a_kernel", "copy to a peer of what a kernel still writes",
       "is not ordered after the", peer_copy_beside_a_kernel},
      {"graph_kernels_without_a_path", "two kernels of a graph write one buffer, no path",
       "is not ordered after the write", graph_kernels_without_a_path},
      {"graph_copy_without_a_path", "copy node without a path from the kernel it copies from",
       "is not ordered after the", graph_copy_without_a_path},
      {"child_graph_without_a_path", "child graph and kernel of a graph write one buffer, no path",
       "is not ordered after the", child_graph_without_a_path},
      {"graph_beside_another_stream", "graph and kernel of two streams write one buffer",
       "is not ordered after the", graph_beside_another_stream},
      {"programmatic_read_without_wait", "dependent grid reads before `griddepcontrol.wait`",
       "is not ordered after the", programmatic_read_without_wait},
      {"programmatic_write_without_wait", "dependent grid writes before `griddepcontrol.wait`",
       "is not ordered after the", programmatic_write_without_wait},
      {"programmatic_wait_of_one_thread", "one thread waits for the grid before, others go on",
       "is not ordered after the", programmatic_wait_of_one_thread},
      {"programmatic_wait_for_the_grid_before",
       "grid lets its dependent begin before it has waited for the grid before itself",
       "is not ordered after the", programmatic_wait_for_the_grid_before},
      {"programmatic_launch_without_wait",
       "`launch_dependents` before a dependent grid that never waits", "is not ordered after the",
       programmatic_launch_without_wait},
      {"captured_programmatic_launch_without_wait",
       "dependent grid of a captured graph that never waits", "is not ordered after the",
       captured_programmatic_launch_without_wait},
      {"mapping_of_another_device",
       "kernel uses a mapping that cuMemSetAccess has closed to its device",
       "was not given access to it", mapping_of_another_device},
      {"pool_of_another_device", "kernel uses memory of a pool that is closed to its device",
       "was not given access to it", pool_of_another_device},
  };
  return faults;
}

}  // namespace rackproof::test

#pragma once
/// What the nodes of a graph do: one value per kind, checked when it is made, executed any number
/// of times. Streams capture the same values that cudaGraphAdd*Node makes.

#include "emulator/engine/graph/memory.hpp"
#include "emulator/engine/launch.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <memory>
#include <variant>
#include <vector>

namespace rackproof::emulator::engine::graph {

class Graph;
struct Condition;

using LaunchAttributes = std::map<cudaLaunchAttributeID, cudaLaunchAttributeValue>;

struct KernelNode {
  const void* function = nullptr;  ///< as the program named it: host function or kernel handle
  Kernel* kernel = nullptr;
  int device = 0;
  exec::Dim3 grid, block;
  std::uint32_t dynamic_shared_bytes = 0;
  LaunchAttributes attributes;
  PreparedLaunch prepared;
  std::vector<void*> arguments;  ///< what cudaGraphKernelNodeGetParams shows; filled when asked for
};
struct CopyNode {
  cudaMemcpy3DParms box{};
  PreparedCopy prepared;
};
struct FillNode {
  cudaMemsetParams parameters{};
  PreparedFill prepared;
};
struct HostNode {
  cudaHostFn_t function = nullptr;
  void* data = nullptr;
};
struct ChildNode {
  std::shared_ptr<Graph> graph;
};
struct EmptyNode {};
struct EventWaitNode {
  cudaEvent_t event = nullptr;
};
struct EventRecordNode {
  cudaEvent_t event = nullptr;
};
struct AllocNode {
  std::shared_ptr<GraphAllocation> allocation;
  cudaMemAllocNodeParams parameters{};
};
struct FreeNode {
  std::shared_ptr<GraphAllocation> allocation;
};
struct ConditionalNode {
  std::shared_ptr<Condition> condition;
  cudaGraphConditionalNodeType type = cudaGraphCondTypeIf;
  std::vector<std::shared_ptr<Graph>> bodies;
  std::vector<cudaGraph_t> handles;  ///< of the bodies, as phGraph_out shows them
};

using NodeWork = std::variant<EmptyNode, KernelNode, CopyNode, FillNode, HostNode, ChildNode,
                              EventWaitNode, EventRecordNode, AllocNode, FreeNode, ConditionalNode>;

[[nodiscard]] cudaGraphNodeType type_of(const NodeWork& work);

/// From what a stream was asked to do.
[[nodiscard]] NodeWork kernel_work(Kernel& kernel, const LaunchRequest& request,
                                   PreparedLaunch prepared);
[[nodiscard]] NodeWork copy_work(const PreparedCopy& prepared, cudaMemcpyKind kind);
[[nodiscard]] NodeWork fill_work(const PreparedFill& prepared);
[[nodiscard]] NodeWork host_work(cudaHostFn_t function, void* data);

/// From the parameters of explicit nodes, with the errors of the stream functions.
cudaError_t kernel_work(const cudaKernelNodeParams& parameters, int device,
                        const LaunchAttributes& attributes, NodeWork& work);
cudaError_t copy_work(const cudaMemcpy3DParms& box, NodeWork& work);
cudaError_t fill_work(const cudaMemsetParams& parameters, NodeWork& work);

/// The parameters again; pointers stay good until the node changes.
[[nodiscard]] cudaKernelNodeParams parameters_of(KernelNode& node);
/// Checks and sets one attribute of a kernel node; cudaErrorInvalidValue for others.
cudaError_t set_attribute(KernelNode& node, cudaLaunchAttributeID id,
                          const cudaLaunchAttributeValue& value);

/// What executes the work once; nullptr for what graph runs treat themselves (children, events,
/// conditions).
[[nodiscard]] std::unique_ptr<Operation> make_operation(const NodeWork& work);
/// Whose fault it is when the work fails; -1: the launching stream's device.
[[nodiscard]] int device_of(const NodeWork& work);

/// May a node of an instantiated graph that does `from` do `to` instead? (CUDA runtime API,
/// cudaGraphExecUpdate and cudaGraphExec*NodeSetParams)
[[nodiscard]] cudaGraphExecUpdateResult can_replace(const NodeWork& from, const NodeWork& to);

}  // namespace rackproof::emulator::engine::graph

#include "emulator/engine/graph/executable.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/graph/condition.hpp"
#include "emulator/engine/graph/run.hpp"

#include <algorithm>
#include <unordered_map>

namespace rackproof::emulator::engine::graph {
namespace {

constexpr unsigned long long kKnownFlags =
    cudaGraphInstantiateFlagAutoFreeOnLaunch | cudaGraphInstantiateFlagUpload |
    cudaGraphInstantiateFlagDeviceLaunch | cudaGraphInstantiateFlagUseNodePriority;

std::unordered_map<Executable*, std::shared_ptr<Executable>>& executables() {
  static auto* const map = new std::unordered_map<Executable*, std::shared_ptr<Executable>>;
  return *map;
}

bool frees(const Plan& plan, const GraphAllocation& allocation) {
  bool does = false;
  for_each_node(plan, [&](const PlanNode& node) {
    const auto* free = std::get_if<FreeNode>(&node.work);
    does = does || (free != nullptr && free->allocation.get() == &allocation);
  });
  return does;
}

}  // namespace

cudaError_t Executable::instantiate(Graph& graph, unsigned long long flags,
                                    cudaGraphInstantiateResult& result,
                                    std::shared_ptr<Executable>& executable) {
  result = cudaGraphInstantiateError;
  if ((flags & ~kKnownFlags) != 0) {
    return cudaErrorInvalidValue;
  }
  if ((flags & cudaGraphInstantiateFlagDeviceLaunch) != 0) {
    result = cudaGraphInstantiateNodeOperationNotSupported;
    return cudaErrorNotSupported;
  }
  const bool is_single = graph.has_memory_nodes() || graph.has_conditions();
  if (is_single && !graph.executable.expired()) {
    return cudaErrorNotSupported;
  }
  auto made = std::make_shared<Executable>();
  made->plan_ = make_plan(graph);
  if (made->plan_ == nullptr) {
    result = cudaGraphInstantiateInvalidStructure;
    return cudaErrorInvalidValue;
  }
  for (const auto& condition : graph.conditions) {
    if (!condition->has_node) {
      result = cudaGraphInstantiateConditionalHandleUnused;
      return cudaErrorInvalidValue;
    }
  }
  made->flags_ = flags;
  made->user_objects_ = graph.user_objects;
  made->conditions_ = graph.conditions;
  if (is_single) {
    graph.executable = made;
  }
  executable = std::move(made);
  result = cudaGraphInstantiateSuccess;
  return cudaSuccess;
}

// In the order of API calls: what an earlier launch allocated and nobody freed may not be
// allocated again, unless the executable frees it by itself.
cudaError_t Executable::account_memory() {
  std::vector<GraphAllocation*> kept;
  bool is_twice = false;
  for_each_node(*plan_, [&](const PlanNode& node) {
    if (const auto* alloc = std::get_if<AllocNode>(&node.work);
        alloc != nullptr && !frees(*plan_, *alloc->allocation)) {
      kept.push_back(alloc->allocation.get());
      is_twice = is_twice || alloc->allocation->is_allocated_by_launch;
    }
  });
  if (is_twice && (flags_ & cudaGraphInstantiateFlagAutoFreeOnLaunch) == 0) {
    return cudaErrorInvalidValue;
  }
  for_each_node(*plan_, [&](const PlanNode& node) {
    if (const auto* free = std::get_if<FreeNode>(&node.work)) {
      free->allocation->is_allocated_by_launch = false;
    }
  });
  for (GraphAllocation* allocation : kept) {
    allocation->is_allocated_by_launch = true;
  }
  return cudaSuccess;
}

cudaError_t Executable::launch(Stream& stream) {
  if (is_capturing(stream)) {
    std::shared_ptr<Graph> child = to_graph(*plan_);
    if (child == nullptr) {
      return cudaErrorStreamCaptureUnsupported;
    }
    return capture(stream, [&] { return NodeWork{ChildNode{std::move(child)}}; })
        .value_or(cudaErrorStreamCaptureInvalidated);
  }
  if (const cudaError_t error = refuse_implicit(stream); error != cudaSuccess) {
    return error;
  }
  if (const cudaError_t error = account_memory(); error != cudaSuccess) {
    return error;
  }
  Executor& executor = Core::instance().executor();
  std::vector<TicketPtr> before;
  if (last_launch_) {
    before.push_back(last_launch_);
  }
  last_launch_ =
      executor.enqueue(stream, make_run(plan_, user_objects_, conditions_), std::move(before));
  return sticky_error(*stream.device);
}

Plan& Executable::writable() {
  if (plan_.use_count() > 1) {
    plan_ = copy_plan(*plan_);
  }
  return *plan_;
}

cudaError_t Executable::set_work(const Node& node, NodeWork work) {
  PlanNode* entry = find(writable(), node.id);
  if (entry == nullptr || can_replace(entry->work, work) != cudaGraphExecUpdateSuccess) {
    return cudaErrorInvalidValue;
  }
  entry->work = std::move(work);
  return cudaSuccess;
}

const NodeWork* Executable::work_of(const Node& node) const {
  const PlanNode* entry = find(*plan_, node.id);
  return entry == nullptr ? nullptr : &entry->work;
}

cudaError_t Executable::set_enabled(const Node& node, bool is_enabled) {
  PlanNode* entry = find(writable(), node.id);
  // Kernels, copies and fills only (CUDA runtime API, cudaGraphNodeSetEnabled).
  if (entry == nullptr || !(std::holds_alternative<KernelNode>(entry->work) ||
                            std::holds_alternative<CopyNode>(entry->work) ||
                            std::holds_alternative<FillNode>(entry->work))) {
    return cudaErrorInvalidValue;
  }
  entry->is_enabled = is_enabled;
  return cudaSuccess;
}

cudaError_t Executable::get_enabled(const Node& node, bool& is_enabled) const {
  const PlanNode* entry = find(*plan_, node.id);
  if (entry == nullptr) {
    return cudaErrorInvalidValue;
  }
  is_enabled = entry->is_enabled;
  return cudaSuccess;
}

Executable* to_executable(cudaGraphExec_t handle) {
  auto* executable = reinterpret_cast<Executable*>(handle);
  return executables().contains(executable) ? executable : nullptr;
}

cudaGraphExec_t give_to_program(std::shared_ptr<Executable> executable) {
  Executable* handle = executable.get();
  executables()[handle] = std::move(executable);
  return reinterpret_cast<cudaGraphExec_t>(handle);
}

cudaError_t destroy_executable(cudaGraphExec_t handle) {
  return executables().erase(reinterpret_cast<Executable*>(handle)) != 0 ? cudaSuccess
                                                                         : cudaErrorInvalidValue;
}

}  // namespace rackproof::emulator::engine::graph

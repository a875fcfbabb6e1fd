#include "emulator/engine/graph/memory.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/memory_map.hpp"

#include <algorithm>
#include <map>
#include <mutex>

namespace rackproof::emulator::engine::graph {
namespace {

// Physical memory comes in the granularity of virtual memory management.
constexpr std::uint64_t kGranularityBytes = 2ULL << 20U;

std::uint64_t physical_bytes(const GraphAllocation& allocation) {
  return (allocation.size_bytes + kGranularityBytes - 1) / kGranularityBytes * kGranularityBytes;
}

struct Usage {
  std::uint64_t used = 0, used_high = 0;
  std::uint64_t reserved = 0, reserved_high = 0;
};

struct State {
  std::mutex mutex;
  std::map<std::uintptr_t, std::weak_ptr<GraphAllocation>> all;
  std::map<std::uintptr_t, std::shared_ptr<GraphAllocation>> live;
  std::map<int, Usage> usage;
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

std::uintptr_t key_of(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address);
}

cudaError_t materialise(const std::shared_ptr<GraphAllocation>& allocation) {
  Device& device = Core::instance().device(allocation->device);
  {
    const std::scoped_lock lock(state().mutex);
    if (state().live.contains(key_of(allocation->address))) {
      return cudaSuccess;  // freed and allocated anew by cudaGraphInstantiateFlagAutoFreeOnLaunch
    }
    Usage& usage = state().usage[allocation->device];
    const std::uint64_t wanted = usage.used + physical_bytes(*allocation);
    if (wanted > usage.reserved && !device.heap.reserve(wanted - usage.reserved)) {
      return cudaErrorMemoryAllocation;
    }
    usage.used = wanted;
    usage.used_high = std::max(usage.used_high, usage.used);
    usage.reserved = std::max(usage.reserved, wanted);
    usage.reserved_high = std::max(usage.reserved_high, usage.reserved);
    state().live[key_of(allocation->address)] = allocation;
  }
  Core::instance().memory().adopt_graph_memory(device, allocation->address, allocation->size_bytes);
  return cudaSuccess;
}

class AllocOperation final : public Operation {
 public:
  explicit AllocOperation(std::shared_ptr<GraphAllocation> allocation)
      : allocation_(std::move(allocation)) {}
  StepResult step(TimePs start) override {
    const cudaError_t error = materialise(allocation_);
    return error == cudaSuccess
               ? StepResult::done(start)
               : StepResult::failed(error, "a graph's allocation of " +
                                               std::to_string(allocation_->size_bytes) +
                                               " bytes does not fit into the device's memory");
  }

 private:
  std::shared_ptr<GraphAllocation> allocation_;
};

class FreeOperation final : public Operation {
 public:
  explicit FreeOperation(std::shared_ptr<GraphAllocation> allocation)
      : allocation_(std::move(allocation)) {}
  StepResult step(TimePs start) override {
    static_cast<void>(Core::instance().memory().free_device(allocation_->address));
    return StepResult::done(start);
  }

 private:
  std::shared_ptr<GraphAllocation> allocation_;
};

}  // namespace

GraphAllocation::~GraphAllocation() {
  if (address != nullptr) {
    {
      const std::scoped_lock lock(state().mutex);
      state().all.erase(key_of(address));
    }
    Core::instance().device(device).heap.release(address);
  }
}

cudaError_t reserve(Device& device, std::uint64_t bytes,
                    std::shared_ptr<GraphAllocation>& allocation) {
  void* address = bytes == 0 ? nullptr : device.heap.allocate_range(bytes);
  if (address == nullptr) {
    return bytes == 0 ? cudaErrorInvalidValue : cudaErrorMemoryAllocation;
  }
  allocation = std::make_shared<GraphAllocation>();
  allocation->device = device.ordinal;
  allocation->address = address;
  allocation->size_bytes = bytes;
  const std::scoped_lock lock(state().mutex);
  state().all[key_of(address)] = allocation;
  return cudaSuccess;
}

std::shared_ptr<GraphAllocation> find_allocation(const void* address) {
  const std::scoped_lock lock(state().mutex);
  const auto found = state().all.find(key_of(address));
  return found == state().all.end() ? nullptr : found->second.lock();
}

std::optional<memory::Allocation> find_reserved(const void* address) {
  std::shared_ptr<GraphAllocation> allocation;  // released without the lock
  const std::scoped_lock lock(state().mutex);
  auto found = state().all.upper_bound(key_of(address));
  if (found == state().all.begin() || (allocation = (--found)->second.lock()) == nullptr ||
      key_of(address) >= found->first + allocation->size_bytes) {
    return std::nullopt;
  }
  memory::Allocation reserved;
  reserved.base = found->first;
  reserved.size_bytes = allocation->size_bytes;
  reserved.device = allocation->device;
  return reserved;
}

void note_free(const void* address) {
  if (const auto allocation = find_allocation(address)) {
    const std::scoped_lock lock(state().mutex);
    allocation->is_allocated_by_launch = false;
  }
}

void give_back(const void* address) {
  std::shared_ptr<GraphAllocation> allocation;  // released without the lock
  {
    const std::scoped_lock lock(state().mutex);
    const auto found = state().live.find(key_of(address));
    if (found == state().live.end()) {
      return;
    }
    allocation = std::move(found->second);
    state().live.erase(found);
    state().usage[allocation->device].used -= physical_bytes(*allocation);
  }
  Core::instance()
      .device(allocation->device)
      .heap.zero(allocation->address, allocation->size_bytes);
}

std::unique_ptr<Operation> make_allocation(std::shared_ptr<GraphAllocation> allocation) {
  return std::make_unique<AllocOperation>(std::move(allocation));
}

std::unique_ptr<Operation> make_release(std::shared_ptr<GraphAllocation> allocation) {
  return std::make_unique<FreeOperation>(std::move(allocation));
}

std::uint64_t memory_attribute(int device, cudaGraphMemAttributeType attribute) {
  const std::scoped_lock lock(state().mutex);
  const Usage& usage = state().usage[device];
  switch (attribute) {
    case cudaGraphMemAttrUsedMemCurrent:
      return usage.used;
    case cudaGraphMemAttrUsedMemHigh:
      return usage.used_high;
    case cudaGraphMemAttrReservedMemCurrent:
      return usage.reserved;
    case cudaGraphMemAttrReservedMemHigh:
      return usage.reserved_high;
  }
  return 0;
}

void reset_high_watermark(int device, cudaGraphMemAttributeType attribute) {
  const std::scoped_lock lock(state().mutex);
  Usage& usage = state().usage[device];
  if (attribute == cudaGraphMemAttrUsedMemHigh) {
    usage.used_high = usage.used;
  } else {
    usage.reserved_high = usage.reserved;
  }
}

void trim(Device& device) {
  const std::scoped_lock lock(state().mutex);
  Usage& usage = state().usage[device.ordinal];
  device.heap.unreserve(usage.reserved - usage.used);
  usage.reserved = usage.used;
}

}  // namespace rackproof::emulator::engine::graph

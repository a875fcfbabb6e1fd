#include "emulator/engine/device_output.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/graph/condition.hpp"
#include "emulator/exec/device_services.hpp"

#include <atomic>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <string>

namespace rackproof::emulator::engine {
namespace {

struct Output {
  std::deque<std::string> texts;
  std::size_t bytes = 0;
};

struct Heap {
  std::map<void*, std::uint64_t> allocations;
  std::uint64_t used_bytes = 0;
  bool is_in_use = false;
};

struct State {
  std::mutex mutex;
  std::atomic<bool> has_output{false};
  std::map<int, Output> outputs;
  std::map<int, Heap> heaps;
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

void print(int ordinal, std::string_view text) {
  const std::size_t room = device_limit(Core::instance().device(ordinal), cudaLimitPrintfFifoSize);
  const std::scoped_lock lock(state().mutex);
  state().has_output = true;
  Output& output = state().outputs[ordinal];
  output.texts.emplace_back(text);
  output.bytes += text.size();
  while (output.bytes > room && output.texts.size() > 1) {
    output.bytes -= output.texts.front().size();
    output.texts.pop_front();
  }
}

void* allocate(int ordinal, std::uint64_t bytes) {
  Device& device = Core::instance().device(ordinal);
  const std::uint64_t room = device_limit(device, cudaLimitMallocHeapSize);
  const std::scoped_lock lock(state().mutex);
  Heap& heap = state().heaps[ordinal];
  heap.is_in_use = true;
  if (bytes == 0 || heap.used_bytes + bytes > room) {
    return nullptr;
  }
  void* address = device.heap.allocate_range(bytes);
  if (address == nullptr) {
    return nullptr;
  }
  heap.used_bytes += bytes;
  heap.allocations[address] = bytes;
  memory::Allocation allocation;
  allocation.base = reinterpret_cast<std::uintptr_t>(address);
  allocation.size_bytes = bytes;
  allocation.device = ordinal;
  Core::instance().addresses().insert(allocation);
  return address;
}

bool release(int ordinal, void* address) {
  const std::scoped_lock lock(state().mutex);
  Heap& heap = state().heaps[ordinal];
  const auto found = heap.allocations.find(address);
  if (found == heap.allocations.end()) {
    return false;
  }
  heap.used_bytes -= found->second;
  heap.allocations.erase(found);
  Core::instance().addresses().retire(reinterpret_cast<std::uintptr_t>(address));
  Core::instance().device(ordinal).heap.release(address);
  return true;
}

}  // namespace

void install_device_services() {
  exec::device_services() = {print, allocate, release, graph::set_condition};
}

void flush_printf(const Device& device) {
  if (!state().has_output.load(std::memory_order_relaxed)) {
    return;
  }
  std::deque<std::string> texts;
  {
    const std::scoped_lock lock(state().mutex);
    Output& output = state().outputs[device.ordinal];
    texts.swap(output.texts);
    output.bytes = 0;
  }
  for (const std::string& text : texts) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
}

bool is_heap_in_use(const Device& device) {
  const std::scoped_lock lock(state().mutex);
  return state().heaps[device.ordinal].is_in_use;
}

void reset_heap(Device& device) {
  const std::scoped_lock lock(state().mutex);
  Heap& heap = state().heaps[device.ordinal];
  for (const auto& [address, bytes] : heap.allocations) {
    Core::instance().addresses().retire(reinterpret_cast<std::uintptr_t>(address));
    device.heap.release(address);
  }
  heap = {};
}

std::size_t device_limit(Device& device, int limit) {
  {
    const std::scoped_lock lock(device.mutex);
    if (const auto found = device.limits.find(limit); found != device.limits.end()) {
      return found->second;
    }
  }
  switch (limit) {
    case cudaLimitStackSize:
      return 1024;
    case cudaLimitPrintfFifoSize:
      return std::size_t{1} << 20U;
    case cudaLimitMallocHeapSize:
      return std::size_t{8} << 20U;
    case cudaLimitDevRuntimeSyncDepth:
      return 2;
    case cudaLimitDevRuntimePendingLaunchCount:
      return 2048;
    case cudaLimitMaxL2FetchGranularity:
      return 64;
    default:
      return 0;
  }
}

}  // namespace rackproof::emulator::engine

#include "emulator/engine/events.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/ipc_event.hpp"
#include "emulator/engine/transfer.hpp"

#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

namespace rackproof::emulator::engine {
namespace {

constexpr unsigned kKnownFlags =
    cudaEventBlockingSync | cudaEventDisableTiming | cudaEventInterprocess;

struct Event {
  Device* device = nullptr;
  unsigned flags = 0;
  TicketPtr ticket;                                // of the latest record
  std::shared_ptr<SharedEvent> shared;             // with other processes
  std::shared_ptr<graph::CapturedPoint> captured;  // the latest record was in a capture
};

struct Registry {
  std::mutex mutex;
  std::unordered_map<cudaEvent_t, std::unique_ptr<Event>> events;
};

Registry& registry() {
  static Registry* const instance = new Registry;  // leaked: see Core
  return *instance;
}

std::optional<Event> find(cudaEvent_t event) {
  const std::scoped_lock lock(registry().mutex);
  const auto found = registry().events.find(event);
  return found == registry().events.end() ? std::nullopt : std::optional(*found->second);
}

cudaEvent_t add(std::unique_ptr<Event> entry) {
  const auto handle = reinterpret_cast<cudaEvent_t>(entry.get());
  const std::scoped_lock lock(registry().mutex);
  registry().events.emplace(handle, std::move(entry));
  return handle;
}

// Another process may end without telling, so the host looks instead of being woken.
void wait_for(const SharedEvent& event, std::uint64_t record) {
  while (!event.is_reached(record)) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

}  // namespace

cudaError_t create_event(Device& device, unsigned flags, cudaEvent_t* event) {
  if (event == nullptr || (flags & ~kKnownFlags) != 0) {
    return cudaErrorInvalidValue;
  }
  auto entry = std::make_unique<Event>();
  entry->device = &device;
  entry->flags = flags;
  if ((flags & cudaEventInterprocess) != 0) {
    // There is no common clock (CUDA runtime API, cudaEventCreateWithFlags).
    if ((flags & cudaEventDisableTiming) == 0) {
      return cudaErrorInvalidValue;
    }
    entry->shared = SharedEvent::create();
    if (entry->shared == nullptr) {
      return cudaErrorMemoryAllocation;
    }
  }
  *event = add(std::move(entry));
  return cudaSuccess;
}

cudaError_t destroy_event(cudaEvent_t event) {
  const std::scoped_lock lock(registry().mutex);
  return registry().events.erase(event) != 0 ? cudaSuccess : cudaErrorInvalidResourceHandle;
}

cudaError_t record_event(cudaEvent_t event, Stream& stream, unsigned flags) {
  const auto entry = find(event);
  if (!entry || entry->device->ordinal != stream.device->ordinal) {
    return cudaErrorInvalidResourceHandle;
  }
  const bool is_external = flags == cudaEventRecordExternal;
  if (flags != cudaEventRecordDefault && !is_external) {
    return cudaErrorInvalidValue;
  }
  std::shared_ptr<graph::CapturedPoint> point;
  TicketPtr ticket;
  if (is_external || graph::is_any_capturing()) {
    const auto captured = graph::capture_record(stream, event, is_external, point);
    if (captured && (*captured != cudaSuccess || is_external)) {
      return *captured;
    }
  }
  if (point == nullptr && entry->shared) {
    ticket = mark(stream, {}, [shared = entry->shared, record = entry->shared->begin_record()] {
      shared->reach(record);
    });
  } else if (point == nullptr) {
    ticket = mark(stream);
  }
  const std::scoped_lock lock(registry().mutex);
  if (const auto found = registry().events.find(event); found != registry().events.end()) {
    found->second->ticket = std::move(ticket);
    found->second->captured = std::move(point);
  }
  return cudaSuccess;
}

bool may_fire_within_launch(cudaEvent_t event) {
  const auto entry = find(event);
  return entry && (entry->flags & cudaEventDisableTiming) != 0 && !entry->shared;
}

cudaError_t query_event(cudaEvent_t event) {
  const auto entry = find(event);
  if (!entry) {
    return cudaErrorInvalidResourceHandle;
  }
  if (entry->captured) {
    return graph::refuse_captured_event(*entry->captured);
  }
  if (const cudaError_t error = graph::refuse_unsafe(); error != cudaSuccess) {
    return error;
  }
  if (entry->shared && !entry->shared->is_reached(entry->shared->latest())) {
    return cudaErrorNotReady;
  }
  return Core::instance().executor().is_done(entry->ticket) ? sticky_error(*entry->device)
                                                            : cudaErrorNotReady;
}

cudaError_t synchronize_event(cudaEvent_t event) {
  const auto entry = find(event);
  if (!entry) {
    return cudaErrorInvalidResourceHandle;
  }
  if (entry->captured) {
    return graph::refuse_captured_event(*entry->captured);
  }
  if (const cudaError_t error = graph::refuse_unsafe(); error != cudaSuccess) {
    return error;
  }
  Core::instance().executor().wait(entry->ticket);
  if (entry->shared && sticky_error(*entry->device) == cudaSuccess) {
    wait_for(*entry->shared, entry->shared->latest());
  }
  return sticky_error(*entry->device);
}

cudaError_t wait_event(Stream& stream, cudaEvent_t event, unsigned flags) {
  const auto entry = find(event);
  if (!entry) {
    return cudaErrorInvalidResourceHandle;
  }
  const bool is_external = flags == cudaEventWaitExternal;
  if (flags != cudaEventWaitDefault && !is_external) {
    return cudaErrorInvalidValue;
  }
  if (is_external || entry->captured || graph::is_any_capturing()) {
    if (const auto captured = graph::capture_wait(
            stream, event, is_external, entry->ticket != nullptr, entry->captured.get())) {
      return *captured;
    }
  }
  if (entry->ticket) {
    mark(stream, {entry->ticket});
  }
  if (entry->shared && !entry->shared->is_reached(entry->shared->latest())) {
    Core::instance().executor().enqueue(stream, make_wait(entry->shared, entry->shared->latest()));
  }
  return cudaSuccess;
}

cudaError_t export_event(cudaEvent_t event, cudaIpcEventHandle_t* handle) {
  const auto entry = find(event);
  if (!entry) {
    return cudaErrorInvalidResourceHandle;
  }
  if (!entry->shared || handle == nullptr) {
    return cudaErrorInvalidValue;
  }
  const SharedEventName name = entry->shared->name();
  std::memset(handle, 0, sizeof *handle);
  std::memcpy(handle, &name, sizeof name);
  return cudaSuccess;
}

cudaError_t import_event(Device& device, const cudaIpcEventHandle_t& handle, cudaEvent_t* event) {
  SharedEventName name;
  std::memcpy(static_cast<void*>(&name), &handle, sizeof name);
  auto entry = std::make_unique<Event>();
  entry->device = &device;
  entry->flags = cudaEventInterprocess | cudaEventDisableTiming;
  entry->shared = SharedEvent::open(name);
  if (entry->shared == nullptr || event == nullptr) {
    return cudaErrorInvalidValue;
  }
  *event = add(std::move(entry));
  return cudaSuccess;
}

bool is_event(cudaEvent_t event) {
  return find(event).has_value();
}

TicketPtr event_ticket(cudaEvent_t event) {
  const auto entry = find(event);
  return entry ? entry->ticket : nullptr;
}

void set_event_ticket(cudaEvent_t event, TicketPtr ticket) {
  const std::scoped_lock lock(registry().mutex);
  if (const auto found = registry().events.find(event); found != registry().events.end()) {
    found->second->ticket = std::move(ticket);
    found->second->captured = nullptr;
  }
}

cudaError_t elapsed_ms(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  const auto first = find(start);
  const auto second = find(stop);
  if (milliseconds == nullptr) {
    return cudaErrorInvalidValue;
  }
  if (first && second && (first->captured || second->captured)) {
    return cudaErrorCapturedEvent;
  }
  // Events of two devices have no common clock.
  if (!first || !second || !first->ticket || !second->ticket ||
      ((first->flags | second->flags) & cudaEventDisableTiming) != 0 ||
      first->device != second->device) {
    return cudaErrorInvalidResourceHandle;
  }
  Executor& executor = Core::instance().executor();
  if (!executor.is_done(first->ticket) || !executor.is_done(second->ticket)) {
    return cudaErrorNotReady;
  }
  constexpr double kPsPerMs = 1e9;
  *milliseconds = static_cast<float>(
      static_cast<double>(second->ticket->end_time_ps - first->ticket->end_time_ps) / kPsPerMs);
  return sticky_error(*first->device);
}

}  // namespace rackproof::emulator::engine

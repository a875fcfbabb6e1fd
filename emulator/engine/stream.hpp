#pragma once
/// Streams, events, and the part of a device that orders work.

#include "emulator/engine/operation.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace rackproof::emulator::engine {

class Executor;
struct DeviceQueue;

/// cudaStream_t points to one of these. Members are guarded by the executor's mutex.
struct Stream {
  enum class Kind : std::uint8_t {
    legacy,        ///< the NULL stream: ordered against all blocking streams of its device
    blocking,      ///< ordered against the legacy stream (also per-thread default streams)
    non_blocking,  ///< cudaStreamNonBlocking
  };

  DeviceQueue* device = nullptr;
  Kind kind = Kind::blocking;
  unsigned flags = 0;
  int priority = 0;
  std::uint64_t id = 0;

  std::deque<std::unique_ptr<Operation>> queue;
  TicketPtr last;
  TimePs now_ps = 0;  ///< virtual end of what has finished
  bool is_destroyed = false;
  std::uint64_t operations = 0;            ///< that became ready
  check::OperationClock order;             ///< of the last finished one
  check::OperationClock dependents_order;  ///< what a programmatic launch behind it follows
};

/// Work of one device.
struct DeviceQueue {
  int ordinal = 0;
  Stream* legacy = nullptr;
  std::vector<Stream*> streams;  ///< guarded by the executor's mutex; all kinds
  /// Sticky: once set, every call on the device answers it until cudaDeviceReset.
  std::atomic<cudaError_t> fault{cudaSuccess};
};

}  // namespace rackproof::emulator::engine

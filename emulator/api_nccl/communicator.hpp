#pragma once
/// One rank's communicator, and the host-side tasks (init, split, finalize) that wait for others.

#include "emulator/api_nccl/exchange.hpp"
#include "emulator/api_nccl/segment.hpp"

#include <nccl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace rackproof::emulator::api_nccl {

/// Looks once whether something that depends on other ranks is complete; never waits.
/// ncclInProgress: ask again.
using HostTask = std::function<ncclResult_t()>;

/// Shared by the handle and by the operations still in streams. Every field is guarded by `mutex`,
/// apart from the constants.
struct CommState {
  std::mutex mutex;

  int rank = 0;
  int ranks = 1;
  int device = 0;  ///< CUDA ordinal in this process; constant
  GpuPlace gpu;    ///< constant
  bool blocking = true;

  std::shared_ptr<Segment> segment;
  bool crosses_domains = false;  ///< known when all ranks are present
  HostTask task;                 ///< what the communicator is busy with
  ncclResult_t async_error = ncclSuccess;
  bool aborted = false;

  std::uint64_t issued = 0;     ///< collectives enqueued so far
  std::uint64_t completed = 0;  ///< collectives executed so far
  std::uint64_t rounds = 0;     ///< rounds of completed collectives
  std::int64_t last_end_ps = 0;
  std::uint64_t splits = 0;
};

/// A communicator of `ranks` ranks on the current device that will join `segment_id`.
/// Throws SegmentError; throws std::runtime_error if there is no current device.
[[nodiscard]] std::shared_ptr<CommState> join(const SegmentId& segment_id, int rank, int ranks,
                                              bool blocking);

/// Starts splitting `parent`. Returns the child, which becomes ready as the parent does; nullptr
/// for NCCL_SPLIT_NOCOLOR.
[[nodiscard]] std::shared_ptr<CommState> start_split(const std::shared_ptr<CommState>& parent,
                                                     int color, int key, bool blocking);

/// Starts waiting for this rank's own collectives.
void start_finalize(const std::shared_ptr<CommState>& comm);

/// One look at the communicator's task: ncclInProgress while it is busy, else its state.
ncclResult_t progress(CommState& comm);

/// Looks until the communicator is no longer busy.
ncclResult_t wait_until_ready(CommState& comm);

/// Sets the asynchronous error, unless there is one, and the last message. Call with the mutex.
void set_async_error(CommState& comm, ncclResult_t error, const char* message);

}  // namespace rackproof::emulator::api_nccl

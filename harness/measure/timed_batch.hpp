#pragma once
/// Device time of a batch of executions, by pairs of events.

#include "runtime/event.hpp"
#include "runtime/stream.hpp"

#include <cuda_runtime_api.h>

#include <functional>
#include <vector>

namespace rackproof::harness::measure {

/// Enqueues `launches` executions with an event before and after each. Launches go in behind a
/// short delay on the device, so that the host is ahead and its launch overhead is in no sample.
class TimedBatch {
 public:
  TimedBatch(const std::function<void(cudaStream_t)>& launch, int launches,
             const runtime::Stream& stream);

  /// Reached when the whole batch has run.
  [[nodiscard]] cudaEvent_t last() const { return stops_.back().get(); }
  [[nodiscard]] bool is_reached() const { return stops_.back().is_reached(); }
  /// Seconds of each execution, in order. Only after last() is reached.
  [[nodiscard]] std::vector<double> times_s() const;

 private:
  std::vector<runtime::Event> starts_;
  std::vector<runtime::Event> stops_;
};

}  // namespace rackproof::harness::measure

#pragma once
/// Takes samples until all ranks have enough.

#include "harness/measure/context.hpp"
#include "harness/measure/measurement.hpp"
#include "harness/measure/timed_batch.hpp"

#include <cuda_runtime_api.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rackproof::harness::measure {

struct Sampled {
  std::vector<double> samples_s;
  record::Reported<std::vector<std::size_t>> throttled_samples;
  record::Reported<record::Telemetry> telemetry;
  std::vector<std::string> warnings;
};

/// How the executions are started and waited for.
struct Execution {
  std::string name;  ///< for messages
  std::function<void(cudaStream_t)> launch;
  /// Returns when the event is reached; throws collectives::TimeoutError at the deadline.
  std::function<void(cudaEvent_t, const collectives::Deadline&)> wait;
  /// Executions at the head of each batch that are no samples: in them a collective's ranks wait
  /// for each other, which hides the skew between the hosts.
  int aligning_launches = 0;
};

/// Waits for an event of this rank's GPU alone.
void wait_for_event(collectives::Bootstrap& bootstrap, cudaEvent_t event,
                    const collectives::Deadline& deadline, const std::string& what);

/// Collective: warm-up, then batches of equally many samples on all ranks, each behind a barrier.
/// `failure` names the first rank that failed; then `sampled` holds what was taken until then.
struct SamplingOutcome {
  Sampled sampled;
  std::optional<std::string> failure;
};
[[nodiscard]] SamplingOutcome take_samples(Context& context, const Execution& execution);

}  // namespace rackproof::harness::measure

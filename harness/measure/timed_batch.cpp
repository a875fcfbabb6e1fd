#include "harness/measure/timed_batch.hpp"

#include "kernels/common/timing_kernels.hpp"

#include <stdexcept>

namespace rackproof::harness::measure {

namespace {

/// The host needs a few microseconds for an execution with its two events; the device waits for
/// longer, so that it never waits for the host within a batch.
constexpr double kDelayPerLaunch_s = 20e-6;

}  // namespace

TimedBatch::TimedBatch(const std::function<void(cudaStream_t)>& launch, int launches,
                       const runtime::Stream& stream) {
  if (launches < 1) {
    throw std::invalid_argument("TimedBatch: at least one launch");
  }
  for (int i = 0; i < launches; ++i) {
    starts_.emplace_back();
    stops_.emplace_back();
  }
  kernels::enqueue_delay(stream.get(), kDelayPerLaunch_s * launches);
  for (std::size_t i = 0; i < starts_.size(); ++i) {
    starts_[i].record(stream.get());
    launch(stream.get());
    stops_[i].record(stream.get());
  }
}

std::vector<double> TimedBatch::times_s() const {
  std::vector<double> times_s;
  for (std::size_t i = 0; i < starts_.size(); ++i) {
    times_s.push_back(runtime::elapsed_s(starts_[i], stops_[i]));
  }
  return times_s;
}

}  // namespace rackproof::harness::measure

#include "harness/measure/sampling.hpp"

#include "collectives/poll.hpp"
#include "harness/measure/sampler.hpp"
#include "harness/ranks/lockstep.hpp"
#include "harness/telemetry/telemetry.hpp"
#include "runtime/error.hpp"

#include <array>
#include <chrono>
#include <numeric>

namespace rackproof::harness::measure {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Telemetry of one sampling, and which samples were taken while the GPU was throttled.
class Watch {
 public:
  explicit Watch(const Context& context) : without_nvml_(context.without_nvml) {
    if (context.nvml) {
      recorder_.emplace(*context.nvml);
      throttled_ = std::vector<std::size_t>{};
    } else {
      throttled_ = record::Reported<std::vector<std::size_t>>::missing(without_nvml_);
    }
  }

  void after_batch(std::size_t first_sample, std::size_t samples) {
    if (!recorder_ || !throttled_) {
      return;
    }
    const record::Reported<bool> was_throttled = recorder_->was_throttled();
    if (!was_throttled) {
      throttled_ = record::Reported<std::vector<std::size_t>>::missing(was_throttled.reason());
    } else if (*was_throttled) {
      std::vector<std::size_t> marked = *throttled_;
      marked.resize(marked.size() + samples);
      std::iota(marked.end() - static_cast<std::ptrdiff_t>(samples), marked.end(), first_sample);
      throttled_ = std::move(marked);
    }
  }

  void finish(Sampled& sampled) {
    sampled.throttled_samples = throttled_;
    if (!recorder_) {
      sampled.telemetry = record::Reported<record::Telemetry>::missing(without_nvml_);
      return;
    }
    const record::Reported<std::uint64_t> ecc = recorder_->ecc_errors();
    if (ecc && *ecc > 0) {
      sampled.warnings.push_back(std::to_string(*ecc) + " uncorrected ECC errors while sampling");
    }
    sampled.telemetry = recorder_->stop();
  }

 private:
  std::string without_nvml_;
  std::optional<telemetry::Recorder> recorder_;
  record::Reported<std::vector<std::size_t>> throttled_;
};

std::vector<double> run_batch(Context& context, const Execution& execution, int samples) {
  const TimedBatch batch(execution.launch, samples + execution.aligning_launches, *context.stream);
  execution.wait(batch.last(), context.deadline("sampling"));
  std::vector<double> times_s = batch.times_s();
  times_s.erase(times_s.begin(), times_s.begin() + execution.aligning_launches);
  return times_s;
}

}  // namespace

void wait_for_event(collectives::Bootstrap& bootstrap, cudaEvent_t event,
                    const collectives::Deadline& deadline, const std::string& what) {
  collectives::PollPause pause;
  for (;;) {
    const cudaError_t state = cudaEventQuery(event);
    if (state == cudaSuccess) {
      return;
    }
    if (state != cudaErrorNotReady) {
      runtime::throw_on_error(state, what.c_str());
    }
    if (deadline.is_expired()) {
      collectives::throw_timeout(bootstrap, deadline, what);
    }
    pause();
  }
}

SamplingOutcome take_samples(Context& context, const Execution& execution) {
  SamplingOutcome outcome;
  collectives::Bootstrap& bootstrap = *context.bootstrap;
  outcome.failure = ranks::attempt(bootstrap, context.deadline("warm-up"), [&] {
    if (context.statistics.warmup > 0) {
      const TimedBatch batch(execution.launch, context.statistics.warmup, *context.stream);
      execution.wait(batch.last(), context.deadline("warm-up"));
    }
  });
  if (outcome.failure) {
    return outcome;
  }

  Sampler sampler(context.statistics);
  Watch watch(context);
  const Clock::time_point start = Clock::now();
  std::exception_ptr error;
  for (;;) {
    const std::array own{static_cast<double>(sampler.next_batch(seconds_since(start))),
                         error ? 1.0 : 0.0};
    const std::vector<double> agreed =
        bootstrap.all_reduce_max(own, context.deadline("agreement on the next batch"));
    if (agreed[1] > 0) {
      outcome.failure = ranks::attempt(bootstrap, context.deadline("error exchange"), [&] {
        if (error) {
          std::rethrow_exception(error);
        }
      });
      break;
    }
    const int samples = static_cast<int>(agreed[0]);
    if (samples == 0) {
      break;
    }
    bootstrap.barrier(context.deadline("barrier before a batch"));
    try {
      const std::size_t first = sampler.samples_s().size();
      sampler.add(run_batch(context, execution, samples));
      watch.after_batch(first, static_cast<std::size_t>(samples));
    } catch (const collectives::TimeoutError&) {
      throw;
    } catch (const std::exception&) {
      error = std::current_exception();
    }
  }
  watch.finish(outcome.sampled);
  outcome.sampled.samples_s = sampler.samples_s();
  return outcome;
}

}  // namespace rackproof::harness::measure

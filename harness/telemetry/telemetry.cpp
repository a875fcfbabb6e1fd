#include "harness/telemetry/telemetry.hpp"

#include "harness/record/statistics.hpp"

#include <chrono>

namespace rackproof::harness::telemetry {
namespace {

using record::Reported;

/// 5 Hz: NVML refreshes its own averages about that often, and a query costs some 100 us.
constexpr std::chrono::milliseconds kPeriod{200};

Reported<double> to_double(const Reported<int>& value) {
  return value ? Reported(static_cast<double>(*value)) : Reported<double>::missing(value.reason());
}

Reported<record::Range> range_of(const std::vector<Reading>& readings,
                                 Reported<double> Reading::*field) {
  std::vector<double> values;
  std::string reason = "no reading was taken";
  for (const Reading& reading : readings) {
    if (reading.*field) {
      values.push_back(*(reading.*field));
    } else {
      reason = (reading.*field).reason();
    }
  }
  return values.empty() ? Reported<record::Range>::missing(reason)
                        : Reported(record::range(values));
}

}  // namespace

Reading read(const topology::NvmlGpu& gpu) {
  return {to_double(gpu.clock_mhz(topology::ClockDomain::sm)),
          to_double(gpu.clock_mhz(topology::ClockDomain::memory)), gpu.power_w(),
          gpu.temperature_c(), gpu.clock_event_reasons()};
}

record::Telemetry summarise(const std::vector<Reading>& readings, Reported<double> energy_j) {
  record::Telemetry telemetry;
  telemetry.sm_clock_mhz = range_of(readings, &Reading::sm_clock_mhz);
  telemetry.memory_clock_mhz = range_of(readings, &Reading::memory_clock_mhz);
  telemetry.power_w = range_of(readings, &Reading::power_w);
  telemetry.temperature_c = range_of(readings, &Reading::temperature_c);
  telemetry.energy_j = std::move(energy_j);
  telemetry.clock_event_reasons =
      Reported<std::vector<std::string>>::missing("no reading was taken");
  std::uint64_t all_reasons = 0;
  bool is_known = false;
  for (const Reading& reading : readings) {
    if (reading.clock_event_reasons) {
      all_reasons |= *reading.clock_event_reasons;
      is_known = true;
    } else if (!is_known) {
      telemetry.clock_event_reasons =
          Reported<std::vector<std::string>>::missing(reading.clock_event_reasons.reason());
    }
  }
  if (is_known) {
    telemetry.clock_event_reasons = topology::clock_event_names(all_reasons);
  }
  return telemetry;
}

Recorder::Recorder(const topology::NvmlGpu& gpu)
    : gpu_(gpu),
      energy_at_start_j_(gpu.energy_j()),
      ecc_at_start_(gpu.uncorrected_ecc_errors()),
      readings_{read(gpu)},
      thread_(&Recorder::run, this) {}

Recorder::~Recorder() {
  end_thread();
}

void Recorder::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kPeriod, [this] { return is_stopping_; })) {
    lock.unlock();
    const Reading reading = read(gpu_);
    lock.lock();
    readings_.push_back(reading);
  }
}

void Recorder::take_reading() {
  const Reading reading = read(gpu_);
  const std::lock_guard lock(mutex_);
  readings_.push_back(reading);
}

void Recorder::end_thread() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

Reported<bool> Recorder::was_throttled() {
  take_reading();
  const std::lock_guard lock(mutex_);
  Reported<bool> answer = Reported<bool>::missing("no reading was taken");
  for (; first_unasked_ < readings_.size(); ++first_unasked_) {
    const Reported<std::uint64_t>& reasons = readings_[first_unasked_].clock_event_reasons;
    if (!reasons) {
      answer = answer ? answer : Reported<bool>::missing(reasons.reason());
    } else if (!answer || !*answer) {
      answer = topology::is_throttled(*reasons);
    }
  }
  return answer;
}

Reported<std::uint64_t> Recorder::ecc_errors() const {
  const Reported<std::uint64_t> now = gpu_.uncorrected_ecc_errors();
  if (!now || !ecc_at_start_) {
    return Reported<std::uint64_t>::missing(now ? ecc_at_start_.reason() : now.reason());
  }
  return *now - *ecc_at_start_;
}

record::Telemetry Recorder::stop() {
  take_reading();
  end_thread();
  const Reported<double> now_j = gpu_.energy_j();
  const Reported<double> energy_j =
      now_j && energy_at_start_j_
          ? Reported(*now_j - *energy_at_start_j_)
          : Reported<double>::missing(now_j ? energy_at_start_j_.reason() : now_j.reason());
  return summarise(readings_, energy_j);
}

}  // namespace rackproof::harness::telemetry

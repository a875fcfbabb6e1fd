#pragma once
/// NVML readings of one GPU while a benchmark runs: at its beginning and end, and five times a
/// second between.

#include "harness/record/benchmark.hpp"
#include "harness/topology/nvml.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace rackproof::harness::telemetry {

/// One look at the GPU.
struct Reading {
  record::Reported<double> sm_clock_mhz;
  record::Reported<double> memory_clock_mhz;
  record::Reported<double> power_w;
  record::Reported<double> temperature_c;
  record::Reported<std::uint64_t> clock_event_reasons;
};

[[nodiscard]] Reading read(const topology::NvmlGpu& gpu);

/// Ranges over the readings that have a value; missing, with the first reason, where none has.
[[nodiscard]] record::Telemetry summarise(const std::vector<Reading>& readings,
                                          record::Reported<double> energy_j);

/// Starts reading at construction; stop() ends it. `gpu` must outlive it.
class Recorder {
 public:
  explicit Recorder(const topology::NvmlGpu& gpu);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Whether the GPU was throttled at any reading since the last call (or construction); a reading
  /// is taken now. Missing where the driver does not tell.
  [[nodiscard]] record::Reported<bool> was_throttled();
  /// Uncorrected ECC errors since construction; missing where the driver does not count them.
  [[nodiscard]] record::Reported<std::uint64_t> ecc_errors() const;
  /// Takes the last reading and ends the thread. Call once.
  [[nodiscard]] record::Telemetry stop();

 private:
  void run();
  void take_reading();
  void end_thread();

  const topology::NvmlGpu& gpu_;
  record::Reported<double> energy_at_start_j_;
  record::Reported<std::uint64_t> ecc_at_start_;
  std::vector<Reading> readings_;  ///< guarded by mutex_
  std::size_t first_unasked_ = 0;  ///< reading that was_throttled() looks at next
  bool is_stopping_ = false;       ///< guarded by mutex_
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace rackproof::harness::telemetry

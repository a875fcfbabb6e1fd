#pragma once
/// How many samples a benchmark takes: set by the suite, applied by harness/measure.

#include <cstdint>

namespace rackproof::harness::plan {

/// Sampling stops after `min_samples` and `min_time_s` once the median is known well enough, and
/// in any case at `max_samples` or `max_time_s`.
struct Statistics {
  int warmup = 1;  ///< untimed executions before the first sample
  int min_samples = 10;
  int max_samples = 1000;
  double min_time_s = 0.5;   ///< sum of the samples' device time
  double max_time_s = 20;    ///< wall-clock time of one benchmark's sampling
  double max_noise = 0.005;  ///< half-width of the 95 % interval of the median over the median
  /// Rotate through more data than the L2 holds, so that each execution reads from memory.
  bool cold_l2 = true;
};

/// Bytes beyond which launches rotate where `cold_l2` is set: then what they read has left the L2.
[[nodiscard]] constexpr std::uint64_t rotated_bytes(std::uint64_t l2_bytes) {
  return 2 * l2_bytes;
}

}  // namespace rackproof::harness::plan

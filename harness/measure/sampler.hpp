#pragma once
/// When to stop sampling. Decisions only: no clock, no device, no other rank.

#include "harness/plan/statistics.hpp"

#include <span>
#include <vector>

namespace rackproof::harness::measure {

/// Half-width of the distribution-free 95 % confidence interval of the median over the median. The
/// interval's ends are order statistics (normal approximation of the binomial; Conover, "Practical
/// Nonparametric Statistics", section 3.2). Infinite for fewer than kFewestForInterval samples.
[[nodiscard]] double relative_noise(std::span<const double> samples_s);

/// Below this an interval of two order statistics does not reach 95 % confidence: 1 - 2/2^n.
inline constexpr int kFewestForInterval = 6;

/// One rank's wish. Ranks agree on the largest wish, so all of them take equally many samples.
class Sampler {
 public:
  explicit Sampler(const plan::Statistics& statistics) : statistics_(statistics) {}

  void add(std::span<const double> samples_s);
  [[nodiscard]] const std::vector<double>& samples_s() const noexcept { return samples_s_; }

  /// How many samples to take next; 0: enough. `elapsed_s` is the wall-clock time since sampling
  /// began.
  [[nodiscard]] int next_batch(double elapsed_s) const;

 private:
  plan::Statistics statistics_;
  std::vector<double> samples_s_;
  double sum_s_ = 0;
};

}  // namespace rackproof::harness::measure

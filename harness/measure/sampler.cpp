#include "harness/measure/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace rackproof::harness::measure {
namespace {

/// Each batch costs an agreement between ranks (tens of microseconds), so batches grow with the
/// samples: at most a quarter is taken in vain.
constexpr int kGrowthDivisor = 4;
/// Events of one batch are alive together; this bounds them.
constexpr int kLargestBatch = 256;

/// Two-sided 95 % quantile of the normal distribution.
constexpr double kQuantile95 = 1.959964;

}  // namespace

double relative_noise(std::span<const double> samples_s) {
  const auto n = samples_s.size();
  if (n < static_cast<std::size_t>(kFewestForInterval)) {
    return std::numeric_limits<double>::infinity();
  }
  std::vector<double> sorted(samples_s.begin(), samples_s.end());
  std::sort(sorted.begin(), sorted.end());
  const auto count = static_cast<double>(n);
  const double half_width = kQuantile95 * std::sqrt(count) / 2;
  const double first = std::max(0.0, std::floor(count / 2 - half_width));
  const double last = std::min(count - 1, std::ceil(count / 2 + half_width));
  const double median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  const double width =
      sorted[static_cast<std::size_t>(last)] - sorted[static_cast<std::size_t>(first)];
  if (median <= 0) {
    return width > 0 ? std::numeric_limits<double>::infinity() : 0;
  }
  return width / 2 / median;
}

void Sampler::add(std::span<const double> samples_s) {
  samples_s_.insert(samples_s_.end(), samples_s.begin(), samples_s.end());
  sum_s_ = std::accumulate(samples_s.begin(), samples_s.end(), sum_s_);
}

int Sampler::next_batch(double elapsed_s) const {
  const int taken = static_cast<int>(samples_s_.size());
  if (taken < statistics_.min_samples) {
    return std::min(kLargestBatch, statistics_.min_samples - taken);
  }
  const bool is_spent = taken >= statistics_.max_samples || elapsed_s >= statistics_.max_time_s;
  const bool is_known =
      sum_s_ >= statistics_.min_time_s && relative_noise(samples_s_) <= statistics_.max_noise;
  if (is_spent || is_known) {
    return 0;
  }
  const int growth = std::clamp(taken / kGrowthDivisor, 1, kLargestBatch);
  return std::min(growth, statistics_.max_samples - taken);
}

}  // namespace rackproof::harness::measure

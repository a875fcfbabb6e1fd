#include "harness/record/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace rackproof::harness::record {
namespace {

std::vector<double> sorted(std::span<const double> samples) {
  if (samples.empty()) {
    throw std::invalid_argument("statistics of no samples");
  }
  if (!std::ranges::all_of(samples, [](double x) { return std::isfinite(x); })) {
    throw std::invalid_argument("statistics of a sample that is not finite");
  }
  std::vector<double> result(samples.begin(), samples.end());
  std::ranges::sort(result);
  return result;
}

double quantile_of_sorted(const std::vector<double>& sorted_samples, double p) {
  if (!(p >= 0 && p <= 1)) {
    throw std::invalid_argument("quantile outside [0, 1]");
  }
  const double position = static_cast<double>(sorted_samples.size() - 1) * p;
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted_samples.size() - 1);
  return std::lerp(sorted_samples[below], sorted_samples[above],
                   position - static_cast<double>(below));
}

}  // namespace

double quantile(std::span<const double> samples, double p) {
  return quantile_of_sorted(sorted(samples), p);
}

double median(std::span<const double> samples) {
  return quantile(samples, 0.5);
}

double median_absolute_deviation(std::span<const double> samples) {
  const double center = median(samples);
  std::vector<double> deviations;
  deviations.reserve(samples.size());
  for (const double sample : samples) {
    deviations.push_back(std::abs(sample - center));
  }
  return median(deviations);
}

Reported<double> coefficient_of_variation(std::span<const double> samples) {
  if (samples.size() < 2) {
    return Reported<double>::missing("needs at least two samples");
  }
  const auto n = static_cast<double>(samples.size());
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
  if (mean == 0) {
    return Reported<double>::missing("the mean is zero");
  }
  double squares = 0;
  for (const double sample : samples) {
    squares += (sample - mean) * (sample - mean);
  }
  return std::sqrt(squares / (n - 1)) / mean;
}

Reported<TimeStatistics> time_statistics(std::span<const double> samples_s) {
  if (samples_s.empty()) {
    return Reported<TimeStatistics>::missing("no samples were taken");
  }
  const std::vector<double> ordered = sorted(samples_s);
  TimeStatistics result;
  result.n = ordered.size();
  result.min = ordered.front();
  result.median = quantile_of_sorted(ordered, 0.5);
  result.p95 = quantile_of_sorted(ordered, 0.95);
  result.p99 = quantile_of_sorted(ordered, 0.99);
  result.max = ordered.back();
  result.mad = median_absolute_deviation(ordered);
  result.cv = coefficient_of_variation(ordered);
  return result;
}

Range range(std::span<const double> samples) {
  const std::vector<double> ordered = sorted(samples);
  return {ordered.front(), quantile_of_sorted(ordered, 0.5), ordered.back()};
}

}  // namespace rackproof::harness::record

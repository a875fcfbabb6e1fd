#pragma once
/// Statistics over samples. One definition of a quantile is used everywhere in the suite: linear
/// interpolation between order statistics, h = (n - 1) p (type 7 of Hyndman and Fan, "Sample
/// Quantiles in Statistical Packages", 1996; the default of NumPy and R). All are exact for n = 1.

#include "harness/record/figures.hpp"

#include <span>

namespace rackproof::harness::record {

/// The `p`-quantile, 0 <= p <= 1, of samples in any order. Throws std::invalid_argument without
/// samples, for p outside [0, 1] and for samples that are not finite.
[[nodiscard]] double quantile(std::span<const double> samples, double p);

[[nodiscard]] double median(std::span<const double> samples);

/// Median of |x - median|, not scaled to a standard deviation.
[[nodiscard]] double median_absolute_deviation(std::span<const double> samples);

/// Sample standard deviation (n - 1) over the mean. Missing for fewer than two samples or mean 0.
[[nodiscard]] Reported<double> coefficient_of_variation(std::span<const double> samples);

/// All of TimeStatistics; missing, with the reason, where there are no samples.
[[nodiscard]] Reported<TimeStatistics> time_statistics(std::span<const double> samples_s);

/// Smallest, median, largest. Throws std::invalid_argument without samples.
[[nodiscard]] Range range(std::span<const double> samples);

}  // namespace rackproof::harness::record

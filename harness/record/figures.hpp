#pragma once
/// The small types a record is made of: figures with unit and basis, statistics, references.

#include "harness/topology/reported.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace rackproof::harness::record {

/// A value, or the reason why there is none. In JSON: `"x": null, "x_reason": "..."`.
template <typename T>
using Reported = topology::Reported<T>;

/// Where a figure comes from: a GPU's clock, or the emulator's model of one.
enum class Basis : std::uint8_t { measured, modelled };

inline constexpr const char* kTflops = "TFLOP/s";  ///< 1e12 flop/s
inline constexpr const char* kTops = "TOP/s";      ///< 1e12 integer operations/s
inline constexpr const char* kGbPerS = "GB/s";     ///< 1e9 byte/s

/// Whether a larger figure is the better one (a rate) or a smaller one (a latency).
enum class Better : std::uint8_t { higher, lower };

/// One figure: a rate, or a latency (to_string(kernels::ThroughputUnit) has the units).
struct Throughput {
  double value = 0;
  std::string unit;
  Basis basis = Basis::measured;
};

/// Figures of several members (GPUs of a node, nodes of a rack), all of the same unit and basis.
struct Aggregate {
  Reported<double> sum;  ///< missing for latencies: they do not add up
  double min = 0;
  double median = 0;
  double max = 0;
  std::string unit;
  Basis basis = Basis::measured;
  std::size_t members = 0;  ///< how many figures went in; all that there are, never a part
};

/// The samples of one timer in seconds. Quantiles: linear interpolation (see statistics.hpp).
struct TimeStatistics {
  std::size_t n = 0;
  double min = 0;
  double median = 0;
  double p95 = 0;
  double p99 = 0;
  double max = 0;
  double mad = 0;       ///< median absolute deviation from the median, unscaled
  Reported<double> cv;  ///< standard deviation (n - 1) over mean; needs two samples
};

/// Smallest, median and largest of several readings.
struct Range {
  double min = 0;
  double median = 0;
  double max = 0;
};

/// Names a GPU of the record's topology.
struct GpuRef {
  std::string rack;  ///< topology.racks[].id
  std::string node;  ///< topology.racks[].nodes[].id
  int gpu = 0;       ///< CUDA device index inside the node
  int rank = 0;      ///< MPI rank that drives it
  bool operator==(const GpuRef&) const = default;
};

}  // namespace rackproof::harness::record

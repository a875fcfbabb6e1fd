#pragma once
/// The size-bandwidth picture: bus bandwidth (linear) over message size (powers of two).

#include <cstdint>
#include <string>
#include <vector>

namespace rackproof::harness::report {

struct CurvePoint {
  std::uint64_t bytes = 0;
  double gb_per_s = 0;
};

struct CurveSeries {
  std::string name;
  bool dashed = false;
  std::vector<CurvePoint> points;  ///< by ascending size
};

/// An SVG with a legend, or nothing where no series has a point.
[[nodiscard]] std::string bandwidth_curve(const std::vector<CurveSeries>& series);

}  // namespace rackproof::harness::report

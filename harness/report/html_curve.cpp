#include "harness/report/html_curve.hpp"

#include "harness/report/format.hpp"
#include "harness/report/html_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

namespace rackproof::harness::report {
namespace {

constexpr double kWidth = 1080;
constexpr double kHeight = 330;
constexpr double kLeft = 60;
constexpr double kRight = 70;
constexpr double kTop = 24;
constexpr double kBottom = 40;
constexpr std::size_t kColours = 6;

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `value`.
double round_up(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double step : std::array{1.0, 2.0, 2.5, 5.0}) {
    if (value <= step * power) {
      return step * power;
    }
  }
  return 10 * power;
}

/// Maps sizes and bandwidths to the drawing.
struct Scale {
  double first_exponent = 0;
  double last_exponent = 1;
  double tick_gb_per_s = 1;
  int ticks = 1;

  [[nodiscard]] double x(double exponent) const {
    return kLeft + (exponent - first_exponent) / (last_exponent - first_exponent) *
                       (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double x(std::uint64_t bytes) const {
    return x(std::log2(static_cast<double>(bytes)));
  }
  [[nodiscard]] double y(double gb_per_s) const {
    return kHeight - kBottom - gb_per_s / (tick_gb_per_s * ticks) * (kHeight - kTop - kBottom);
  }
};

Scale scale_for(const std::vector<CurveSeries>& series) {
  std::uint64_t smallest = series.front().points.front().bytes;
  std::uint64_t largest = smallest;
  double fastest = 0;
  for (const CurveSeries& one : series) {
    smallest = std::min(smallest, one.points.front().bytes);
    largest = std::max(largest, one.points.back().bytes);
    for (const CurvePoint& point : one.points) {
      fastest = std::max(fastest, point.gb_per_s);
    }
  }
  constexpr double kTicksWanted = 5;
  Scale scale;
  scale.first_exponent = std::floor(std::log2(static_cast<double>(smallest)));
  scale.last_exponent =
      std::max(scale.first_exponent + 1, std::ceil(std::log2(static_cast<double>(largest))));
  scale.tick_gb_per_s = fastest > 0 ? round_up(fastest / kTicksWanted) : 1;
  scale.ticks = std::max(1, static_cast<int>(std::ceil(fastest / scale.tick_gb_per_s)));
  return scale;
}

std::string axes(const Scale& scale) {
  std::string svg;
  for (int tick = 0; tick <= scale.ticks; ++tick) {
    const double value = scale.tick_gb_per_s * tick;
    svg += fmt::format(
        R"(<path class="{}" d="M{:.0f} {:.1f}H{:.0f}"/><text x="{:.0f}" y="{:.1f}" text-anchor="end">{:g}</text>)",
        tick == 0 ? "axis" : "grid", kLeft, scale.y(value), kWidth - kRight, kLeft - 8,
        scale.y(value) + 4, value);
  }
  const int exponents = static_cast<int>(scale.last_exponent - scale.first_exponent);
  const int step = std::max(1, (exponents + 7) / 8);
  for (int e = 0; e <= exponents; e += step) {
    const double exponent = scale.first_exponent + e;
    svg += fmt::format(
        R"(<path class="grid" d="M{0:.1f} {1:.0f}V{2:.0f}"/><text x="{0:.1f}" y="{3:.0f}" text-anchor="middle">{4}</text>)",
        scale.x(exponent), kTop, kHeight - kBottom, kHeight - kBottom + 17,
        size(static_cast<std::uint64_t>(std::exp2(exponent))));
  }
  return svg +
         fmt::format(
             R"(<text x="{:.0f}" y="12">busbw, GB/s</text><text x="{:.0f}" y="{:.0f}" text-anchor="end">message size</text>)",
             8.0, kWidth - kRight, kHeight - 6);
}

std::string curve(const CurveSeries& series, std::size_t index, const Scale& scale) {
  std::string path;
  std::string dots;
  for (const CurvePoint& point : series.points) {
    const double x = scale.x(point.bytes);
    const double y = scale.y(point.gb_per_s);
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x, y);
    dots += fmt::format(
        R"(<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3.5"><title>{}: {}, {}</title></circle>)",
        x, y, escape(series.name), size(point.bytes), figure(point.gb_per_s, "GB/s"));
  }
  return fmt::format(R"(<g class="s{}"><path class="curve{}" d="{}"/>{}</g>)", index % kColours,
                     series.dashed ? " dashed" : "", path, dots) +
         "\n";
}

/// The last figure of each curve, beside its last point; labels that would overlap move down.
/// Single points have their figure in the legend only.
std::string labels(const std::vector<CurveSeries>& series, const Scale& scale) {
  constexpr double kLineHeight = 14;
  constexpr double kGap = 10;
  std::vector<std::size_t> order(series.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto last = [&](std::size_t i) { return series[i].points.back().gb_per_s; };
  std::ranges::sort(order, std::ranges::greater{}, last);
  std::string svg;
  double lowest_free = 0;
  for (const std::size_t i : order) {
    if (series[i].points.size() == 1) {
      continue;
    }
    const double y = std::max(scale.y(last(i)) + 4, lowest_free);
    lowest_free = y + kLineHeight;
    svg += fmt::format(R"(<g class="s{}"><text class="label" x="{:.1f}" y="{:.1f}">{}</text></g>)",
                       i % kColours, scale.x(series[i].points.back().bytes) + kGap, y,
                       figure(last(i)));
  }
  return svg;
}

std::string legend(const std::vector<CurveSeries>& series) {
  std::string html = R"(<div class="legend" aria-label="Legend">)";
  for (std::size_t i = 0; i < series.size(); ++i) {
    const CurvePoint& most = *std::ranges::max_element(series[i].points, {}, &CurvePoint::gb_per_s);
    html += fmt::format(
        R"(<span class="s{}"><svg width="30" height="12"><path class="curve{}" d="M1 6H29"/><circle class="dot" cx="15" cy="6" r="3.5"/></svg><code>{}</code>, most {} at {}</span>)",
        i % kColours, series[i].dashed ? " dashed" : "", escape(series[i].name),
        figure(most.gb_per_s, "GB/s"), size(most.bytes));
  }
  return html + "</div>\n";
}

}  // namespace

std::string bandwidth_curve(const std::vector<CurveSeries>& series) {
  if (series.empty()) {
    return {};
  }
  const Scale scale = scale_for(series);
  std::string svg = fmt::format(
      R"(<div class="card scroll"><svg class="wide" viewBox="0 0 {0:.0f} {1:.0f}" role="img" aria-label="Bus bandwidth over message size">)",
      kWidth, kHeight);
  svg += axes(scale);
  for (std::size_t i = 0; i < series.size(); ++i) {
    svg += curve(series[i], i, scale);
  }
  return svg + labels(series, scale) + "</svg>" + legend(series) + "</div>\n";
}

}  // namespace rackproof::harness::report

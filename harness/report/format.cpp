#include "harness/report/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace rackproof::harness::report {
namespace {

std::string significant(double value, int digits) {
  if (value == 0) {
    return "0";
  }
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  return fmt::format("{:.{}f}", value, std::clamp(digits - 1 - magnitude, 0, 12));
}

}  // namespace

std::string figure(double value) {
  return significant(value, 4);
}

std::string figure(double value, std::string_view unit) {
  return fmt::format("{} {}", figure(value), unit);
}

std::string percentage(double fraction) {
  return significant(fraction * 100, 3) + "\u00a0%";
}

std::string duration(double seconds) {
  constexpr std::array<std::pair<double, std::string_view>, 4> kUnits{
      {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}};
  for (const auto& [unit, name] : kUnits) {
    if (seconds >= unit) {
      return figure(seconds / unit, name);
    }
  }
  return figure(seconds / 1e-9, "ns");
}

std::string waiting_time(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::max(seconds, 0.0)));
  return whole < 60 ? fmt::format("{} s", whole)
                    : fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

std::string size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", bytes, kUnits[unit]);
}

std::string count(std::size_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

std::string place(const record::GpuRef& gpu) {
  return fmt::format("{} GPU {}", gpu.node, gpu.gpu);
}

}  // namespace rackproof::harness::report

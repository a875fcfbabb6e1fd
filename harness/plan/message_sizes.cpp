#include "harness/plan/message_sizes.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace rackproof::harness::plan {

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 48> text{};
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  std::snprintf(text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::vector<MessageSize> message_sizes(std::uint64_t min_bytes, std::uint64_t max_bytes,
                                       std::int64_t factor, const std::string& reason_of_maximum) {
  std::vector<MessageSize> sizes;
  // A size nearer to the maximum than half a step on the logarithmic scale would say nothing new.
  const double last_of_range =
      static_cast<double>(max_bytes) / std::sqrt(static_cast<double>(factor));
  double bytes = static_cast<double>(min_bytes);
  while (bytes <= last_of_range && min_bytes < max_bytes) {
    sizes.push_back(
        {static_cast<std::uint64_t>(bytes),
         sizes.empty() ? "smallest message" : std::to_string(factor) + " times the size before"});
    bytes *= static_cast<double>(factor);
  }
  if (max_bytes >= min_bytes) {
    sizes.push_back({max_bytes, "largest message: " + reason_of_maximum});
  }
  return sizes;
}

}  // namespace rackproof::harness::plan

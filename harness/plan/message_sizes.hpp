#pragma once
/// The sizes of a collective's size-bandwidth curve.

#include <cstdint>
#include <string>
#include <vector>

namespace rackproof::harness::plan {

struct MessageSize {
  std::uint64_t bytes = 0;
  std::string reason;
};

/// Geometric range from `min_bytes` by `factor`, ending exactly at `max_bytes`, so that the largest
/// message is the one that was asked for. Empty when max_bytes < min_bytes.
[[nodiscard]] std::vector<MessageSize> message_sizes(std::uint64_t min_bytes,
                                                     std::uint64_t max_bytes, std::int64_t factor,
                                                     const std::string& reason_of_maximum);

/// "8 B", "1.5 KiB", "2 GiB": binary units, at most one decimal.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace rackproof::harness::plan

#pragma once
/// Rank measurements as bytes, for the gathering between ranks of one build.

#include "harness/measure/measurement.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace rackproof::harness::measure {

[[nodiscard]] std::vector<std::byte> encode(const RankMeasurement& measurement);
/// Throws std::runtime_error for bytes that encode() did not make.
[[nodiscard]] RankMeasurement decode(std::span<const std::byte> bytes);

}  // namespace rackproof::harness::measure

#pragma once
/// Rank descriptions as bytes, for the exchange between ranks of one build.

#include "harness/topology/assemble.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace rackproof::harness::topology {

[[nodiscard]] std::vector<std::byte> encode(const RankCandidate& candidate);
[[nodiscard]] std::vector<std::byte> encode(const RankDescription& description);
/// Throw std::runtime_error for bytes that encode() did not make.
[[nodiscard]] RankCandidate decode_candidate(std::span<const std::byte> bytes);
[[nodiscard]] RankDescription decode_description(std::span<const std::byte> bytes);

}  // namespace rackproof::harness::topology

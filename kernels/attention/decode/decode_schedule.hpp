#pragma once
/// How the keys of a batch are split over CTAs, decided on the host when the batch is composed.

#include "kernels/attention/decode/decode.hpp"

#include <cstdint>
#include <vector>

namespace rackproof::kernels::attention::decode {

/// Keys [split * split_keys, ...) of one sequence, for every key/value head.
struct DecodeItem {
  std::int32_t sequence = 0;
  std::int32_t split = 0;
  std::int32_t partial = 0;  ///< where its partial result goes; kWhole: it is the result
};
inline constexpr std::int32_t kWhole = -1;

/// A sequence of several splits: partial results first_partial, ..., first_partial + splits - 1.
struct CombineItem {
  std::int32_t sequence = 0;
  std::int32_t first_partial = 0;
  std::int32_t splits = 0;
};

struct DecodeSchedule {
  std::int64_t split_keys = 0;
  std::vector<DecodeItem> items{};
  std::vector<CombineItem> combines{};
  std::int64_t partials = 0;
};

/// A split is at least this long: below, its prologue and the combination cost more than it saves.
inline constexpr std::int64_t kMinSplitKeys = 256;
/// Splits start at multiples of this: whole steps of the four warps, at either head dimension.
inline constexpr std::int64_t kSplitGranularity = 128;

/// Splits of one length for the whole batch, at least kMinSplitKeys: the one with the smallest
/// bound on the time that the CTAs which are resident at once need, each split costing its keys and
/// a constant. A batch whose sequences fill whole waves stays unsplit; one huge sequence among tiny
/// ones is spread over all SMs. The same batch on the same device is always split alike, and
/// partial results are added in order: results are reproducible.
/// `head_tiles`: CTAs for one split. `split_keys`: forces a length; 0: as above.
[[nodiscard]] DecodeSchedule make_schedule(const DecodeProblem& problem, std::int64_t head_tiles,
                                           std::int64_t resident_ctas, std::int64_t split_keys = 0);

}  // namespace rackproof::kernels::attention::decode

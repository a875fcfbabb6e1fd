#include "kernels/attention/decode/decode_schedule.hpp"

#include <algorithm>

namespace rackproof::kernels::attention::decode {
namespace {

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

/// Keys that the prologue, the merge and the combination of a split cost about as much as.
constexpr std::int64_t kSplitOverheadKeys = 64;

/// Upper bound of the time, in keys, that `resident` CTAs need for all splits of this length: the
/// smaller of whole waves of the longest split and Graham's bound of list scheduling (the work of
/// one CTA plus the longest split).
double makespan_bound(const DecodeProblem& problem, std::int64_t head_tiles, std::int64_t resident,
                      std::int64_t split_keys) {
  std::int64_t ctas = 0;
  std::int64_t longest = 0;
  std::int64_t work = 0;
  for (const std::int64_t length : problem.shape().kv_lens) {
    const std::int64_t splits = std::max<std::int64_t>(1, divide_up(length, split_keys));
    ctas += splits * head_tiles;
    work += (length + splits * kSplitOverheadKeys) * head_tiles;
    longest = std::max(longest, std::min(length, split_keys) + kSplitOverheadKeys);
  }
  const double waves = static_cast<double>(divide_up(ctas, resident) * longest);
  return std::min(waves, static_cast<double>(work) / static_cast<double>(resident) +
                             static_cast<double>(longest));
}

std::int64_t round_up(std::int64_t value) {
  return divide_up(value, kSplitGranularity) * kSplitGranularity;
}

std::int64_t best_split(const DecodeProblem& problem, std::int64_t head_tiles,
                        std::int64_t resident) {
  constexpr std::int64_t kMostSplits = 4096;  // of one sequence: bounds the search
  const std::int64_t longest =
      *std::max_element(problem.shape().kv_lens.begin(), problem.shape().kv_lens.end());
  std::int64_t best = std::max(kMinSplitKeys, round_up(longest));
  double best_bound = makespan_bound(problem, head_tiles, resident, best);
  std::int64_t last = best;
  for (std::int64_t splits = 2; splits <= kMostSplits; ++splits) {
    const std::int64_t candidate = round_up(divide_up(longest, splits));
    if (candidate < kMinSplitKeys) {
      break;
    }
    if (candidate == last) {
      continue;
    }
    last = candidate;
    const double bound = makespan_bound(problem, head_tiles, resident, candidate);
    if (bound < best_bound) {
      best = candidate;
      best_bound = bound;
    }
  }
  return best;
}

}  // namespace

DecodeSchedule make_schedule(const DecodeProblem& problem, std::int64_t head_tiles,
                             std::int64_t resident_ctas, std::int64_t split_keys) {
  DecodeSchedule schedule{
      .split_keys = split_keys == 0
                        ? best_split(problem, head_tiles, std::max<std::int64_t>(1, resident_ctas))
                        : round_up(split_keys)};
  for (std::int64_t sequence = 0; sequence < problem.batch(); ++sequence) {
    const auto index = static_cast<std::int32_t>(sequence);
    const std::int64_t length = problem.shape().kv_lens[static_cast<std::size_t>(sequence)];
    const auto splits = static_cast<std::int32_t>(
        std::max<std::int64_t>(1, divide_up(length, schedule.split_keys)));
    const auto first_partial = static_cast<std::int32_t>(schedule.partials);
    for (std::int32_t split = 0; split < splits; ++split) {
      schedule.items.push_back({.sequence = index,
                                .split = split,
                                .partial = splits == 1 ? kWhole : first_partial + split});
    }
    if (splits > 1) {
      schedule.combines.push_back(
          {.sequence = index, .first_partial = first_partial, .splits = splits});
      schedule.partials += splits;
    }
  }
  // Whole splits first: the short rests fill the gaps at the end.
  const auto keys_of = [&](const DecodeItem& item) {
    const std::int64_t length = problem.shape().kv_lens[static_cast<std::size_t>(item.sequence)];
    return std::min(schedule.split_keys, length - item.split * schedule.split_keys);
  };
  std::stable_sort(
      schedule.items.begin(), schedule.items.end(),
      [&](const DecodeItem& a, const DecodeItem& b) { return keys_of(a) > keys_of(b); });
  return schedule;
}

}  // namespace rackproof::kernels::attention::decode

#include "kernels/attention/arguments.hpp"

#include <algorithm>

namespace rackproof::kernels::attention {

std::vector<PackedTile> packed_tiles(const AttentionProblem& problem, std::int64_t query_tile) {
  const AttentionShape& shape = problem.shape();
  struct Candidate {
    PackedTile tile;
    std::int64_t keys = 0;  ///< from the first that its first row sees to the last of its last row
  };
  std::vector<Candidate> candidates;
  for (std::int64_t sequence = 0; sequence < shape.batch; ++sequence) {
    const SequenceLengths lengths = problem.lengths(sequence);
    for (std::int64_t first = 0; first < lengths.q; first += query_tile) {
      const std::int64_t last = std::min(first + query_tile, lengths.q) - 1;
      candidates.push_back({.tile = {.sequence = static_cast<std::int32_t>(sequence),
                                     .query_tile = static_cast<std::int32_t>(first / query_tile)},
                            .keys = visible_keys(shape, lengths, last).end -
                                    visible_keys(shape, lengths, first).begin});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.keys > b.keys; });
  std::vector<PackedTile> tiles;
  tiles.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    tiles.push_back(candidate.tile);
  }
  return tiles;
}

}  // namespace rackproof::kernels::attention

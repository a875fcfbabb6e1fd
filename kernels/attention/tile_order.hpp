#pragma once
/// Which output tile a CTA computes: heavy tiles first, neighbours share keys in L2.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>

namespace rackproof::kernels::attention {

/// Tiles are (head, query tile) pairs, `head` counting batch x q_heads. Heads are taken in groups
/// whose K and V fit in L2 together; inside a group the query tiles run from the last (under a
/// causal mask the longest: longest processing time first) to the first, heads fastest, so that
/// CTAs that run at the same time stream the same keys.
struct TileOrder {
  std::uint32_t heads = 1;            ///< batch * q_heads
  std::uint32_t query_tiles = 1;      ///< tiles of one head
  std::uint32_t heads_per_group = 1;  ///< of the last group: what is left

  struct Tile {
    std::uint32_t head = 0;
    std::uint32_t query_tile = 0;
  };

  __host__ __device__ constexpr Tile tile(std::uint32_t block) const {
    const std::uint32_t group = block / (heads_per_group * query_tiles);
    const std::uint32_t first_head = group * heads_per_group;
    const std::uint32_t left = heads - first_head;
    const std::uint32_t width = left < heads_per_group ? left : heads_per_group;
    const std::uint32_t within = block - first_head * query_tiles;
    return {.head = first_head + within % width, .query_tile = query_tiles - 1 - within / width};
  }
};

/// Query heads whose keys and values take at most half of L2: the other half holds Q, O and the
/// keys of the group that follows. Whole key/value groups, at least one.
[[nodiscard]] constexpr std::uint32_t heads_per_l2_group(std::uint64_t kv_bytes_per_kv_head,
                                                         std::uint32_t q_heads_per_kv_head,
                                                         std::uint64_t l2_bytes,
                                                         std::uint32_t heads) {
  const std::uint64_t kv_heads =
      std::max<std::uint64_t>(1, l2_bytes / 2 / std::max<std::uint64_t>(1, kv_bytes_per_kv_head));
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(heads, kv_heads * q_heads_per_kv_head));
}

}  // namespace rackproof::kernels::attention

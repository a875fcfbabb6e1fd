/// The order in which CTAs take tiles.

#include "kernels/attention/tile_order.hpp"

#include <gtest/gtest.h>

#include <set>
#include <tuple>
#include <utility>

namespace rackproof::kernels::attention {
namespace {

class TileOrderTest : public testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(TileOrderTest, EveryTileIsTakenOnce) {
  const auto [heads, tiles, group] = GetParam();
  const TileOrder order{.heads = static_cast<std::uint32_t>(heads),
                        .query_tiles = static_cast<std::uint32_t>(tiles),
                        .heads_per_group = static_cast<std::uint32_t>(group)};
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  for (std::uint32_t block = 0; block < order.heads * order.query_tiles; ++block) {
    const TileOrder::Tile tile = order.tile(block);
    EXPECT_LT(tile.head, order.heads);
    EXPECT_LT(tile.query_tile, order.query_tiles);
    EXPECT_TRUE(seen.emplace(tile.head, tile.query_tile).second) << "block " << block;
  }
}

TEST_P(TileOrderTest, TilesOfAGroupGetLighterAndGroupsFollowEachOther) {
  const auto [heads, tiles, group] = GetParam();
  const TileOrder order{.heads = static_cast<std::uint32_t>(heads),
                        .query_tiles = static_cast<std::uint32_t>(tiles),
                        .heads_per_group = static_cast<std::uint32_t>(group)};
  TileOrder::Tile previous = order.tile(0);
  EXPECT_EQ(previous.query_tile, order.query_tiles - 1);
  for (std::uint32_t block = 1; block < order.heads * order.query_tiles; ++block) {
    const TileOrder::Tile tile = order.tile(block);
    const bool same_group =
        tile.head / order.heads_per_group == previous.head / order.heads_per_group;
    if (same_group) {
      EXPECT_LE(tile.query_tile, previous.query_tile) << "block " << block;
    } else {
      EXPECT_EQ(tile.head / order.heads_per_group, previous.head / order.heads_per_group + 1);
      EXPECT_EQ(tile.query_tile, order.query_tiles - 1);
    }
    previous = tile;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TileOrderTest,
                         testing::Values(std::tuple{1, 1, 1}, std::tuple{1, 9, 1},
                                         std::tuple{7, 1, 3}, std::tuple{8, 5, 8},
                                         std::tuple{12, 4, 5}, std::tuple{6, 3, 2}));

TEST(HeadsPerL2Group, HoldsWholeKeyValueGroupsInHalfTheCache) {
  // 4 MiB of K and V a key/value head, 8 query heads each, 40 MiB of L2: 5 key/value heads.
  EXPECT_EQ(heads_per_l2_group(4U << 20, 8, 40U << 20, 128), 40U);
  EXPECT_EQ(heads_per_l2_group(4U << 20, 8, 40U << 20, 16), 16U) << "never more than there are";
  EXPECT_EQ(heads_per_l2_group(1U << 30, 4, 40U << 20, 128), 4U) << "at least one group";
  EXPECT_EQ(heads_per_l2_group(1U << 30, 4, 0, 128), 4U) << "L2 size unknown";
}

}  // namespace
}  // namespace rackproof::kernels::attention

#include "kernels/gemm/gemm_split.hpp"

#include <algorithm>

namespace rackproof::kernels::gemm {
namespace {

constexpr std::int64_t kMostSlices = 32;
/// Each wave waits for its first copies as long as for so many later ones: the pipeline's depth.
constexpr std::int64_t kFillKTiles = 3;

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

/// Partial sums of one tile in units of the bytes of a K-tile. Rows beyond M are not written.
double partial_tiles(const GemmKernel& kernel, const GemmShape& shape, ElementType type) {
  constexpr std::int64_t kRowsOfMma = 16;
  const auto rows =
      std::min<std::int64_t>(divide_up(shape.m, kRowsOfMma) * kRowsOfMma, kernel.tile_m);
  const double partial_bytes = static_cast<double>(rows) * kernel.tile_n * kernel.accumulator_bytes;
  const double k_tile_bytes =
      static_cast<double>(kernel.tile_m + kernel.tile_n) * kernel.tile_k * element_bits(type) / 8;
  return partial_bytes / k_tile_bytes;
}

}  // namespace

std::int64_t k_tiles_of(const GemmKernel& kernel, const GemmShape& shape) {
  return divide_up(shape.k, kernel.tile_k);
}

std::int64_t tiles_of(const GemmKernel& kernel, const GemmShape& shape) {
  const std::int64_t clusters = divide_up(shape.m, std::int64_t{kernel.tile_m} * kernel.cluster_m);
  return clusters * kernel.cluster_m * divide_up(shape.n, kernel.tile_n);
}

KSplit split_k(const GemmKernel& kernel, const GemmShape& shape, int slices) {
  const std::int64_t k_tiles = k_tiles_of(kernel, shape);
  const std::int64_t each = divide_up(k_tiles, slices);
  return {.slices = static_cast<int>(divide_up(k_tiles, each)),
          .k_tiles_per_slice = static_cast<int>(each)};
}

KSplit stream_k(const GemmKernel& kernel, const GemmShape& shape, int ctas) {
  const std::int64_t k_tiles = k_tiles_of(kernel, shape);
  const std::int64_t all = tiles_of(kernel, shape) / kernel.cluster_m * k_tiles;
  const std::int64_t clusters = std::max(1, ctas / kernel.cluster_m);
  const std::int64_t share = std::max(kLeastKTiles, divide_up(all, clusters));
  // A tile between two borders at the worst places.
  const std::int64_t pieces = std::min(divide_up(all, share), (k_tiles + share - 2) / share + 1);
  return {.slices = static_cast<int>(pieces),
          .k_tiles_per_slice = static_cast<int>(share),
          .stream_ctas = divide_up(all, share) * kernel.cluster_m};
}

std::optional<std::string> split_k_declines(const GemmKernel& kernel, const GemmShape& shape) {
  if (shape.m > kSplitKRows) {
    return "split-K is for at most " + std::to_string(kSplitKRows) + " rows, found " +
           std::to_string(shape.m);
  }
  const std::int64_t least_k = 2 * kLeastKTiles * kernel.tile_k;
  if (shape.k < least_k) {
    return "split-K needs a K of at least " + std::to_string(least_k) + ", found " +
           std::to_string(shape.k);
  }
  return std::nullopt;
}

KSplit choose_split(const GemmKernel& kernel, const GemmShape& shape, ElementType type,
                    int multiprocessors) {
  const std::int64_t tiles = tiles_of(kernel, shape);
  const std::int64_t k_tiles = k_tiles_of(kernel, shape);
  const std::int64_t resident = std::int64_t{multiprocessors} * kernel.blocks_per_sm;
  const double partial = partial_tiles(kernel, shape, type);
  KSplit best{};
  double best_cost = 0;
  for (std::int64_t slices = 1; slices <= std::min(kMostSlices, k_tiles / kLeastKTiles); ++slices) {
    const KSplit split = split_k(kernel, shape, static_cast<int>(slices));
    const std::int64_t waves = divide_up(tiles * split.slices, resident);
    const double adding = split.slices == 1 ? 0 : partial * (1 + split.slices);
    const double cost =
        static_cast<double>(waves * (kFillKTiles + split.k_tiles_per_slice)) + adding;
    if (slices == 1 || cost < best_cost) {
      best = split;
      best_cost = cost;
    }
  }
  return best;
}

}  // namespace rackproof::kernels::gemm

#pragma once
/// Split-K and stream-K: how CTAs share the sums of one tile, for problems with few tiles.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_kernel.hpp"

#include <optional>
#include <string>

namespace rackproof::kernels::gemm {

/// K in slices of whole K-tiles; the last one may be shorter, none is empty. Or (stream-K) the
/// K-tiles of all tiles in a row, cut into even shares wherever in a tile that is.
struct KSplit {
  int slices = 1;                ///< of a tile; stream-K: the most that one is cut into
  int k_tiles_per_slice = 0;     ///< of a CTA, too; not used with one slice
  std::int64_t stream_ctas = 0;  ///< that share all K-tiles; 0: not stream-K

  [[nodiscard]] bool whole() const { return slices == 1 && stream_ctas == 0; }
  /// Of one launch: each border between two CTAs or two tiles begins a further one.
  [[nodiscard]] std::int64_t partial_tiles(std::int64_t tiles) const {
    return whole() ? 0 : stream_ctas != 0 ? tiles + stream_ctas : tiles * slices;
  }
};

/// `slices` slices, or as many as there are K-tiles if that is fewer.
[[nodiscard]] KSplit split_k(const GemmKernel& kernel, const GemmShape& shape, int slices);

/// All K-tiles of all tiles in even shares for at most `ctas` CTAs in whole clusters, none of fewer
/// K-tiles than fill a pipeline.
[[nodiscard]] KSplit stream_k(const GemmKernel& kernel, const GemmShape& shape, int ctas);

/// Why split-K is not for this problem, or nothing: it is for at most kSplitKRows rows, where tiles
/// are too few to fill a device, and a K that gives at least two slices enough K-tiles.
inline constexpr std::int64_t kSplitKRows = 64;
[[nodiscard]] std::optional<std::string> split_k_declines(const GemmKernel& kernel,
                                                          const GemmShape& shape);

/// The number of slices that finishes first by this model, in the time of one K-tile:
///   waves of CTAs over the SMs x (K-tiles of a slice + those that fill the pipeline)
///   + the partial sums, written once and read once by the CTA that adds them, as so many K-tiles
/// so that few tiles become as many CTAs as the device holds, and slices stop where adding them
/// costs more than they save. The least of equals wins.
[[nodiscard]] KSplit choose_split(const GemmKernel& kernel, const GemmShape& shape,
                                  ElementType type, int multiprocessors);

/// A slice of fewer K-tiles spends its time filling the pipeline.
inline constexpr std::int64_t kLeastKTiles = 4;

[[nodiscard]] std::int64_t k_tiles_of(const GemmKernel& kernel, const GemmShape& shape);
/// Tiles of `kernel` that cover the result.
[[nodiscard]] std::int64_t tiles_of(const GemmKernel& kernel, const GemmShape& shape);

}  // namespace rackproof::kernels::gemm

#pragma once
/// Split-K: how many CTAs share the sums of one tile, for problems with few rows.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_kernel.hpp"

#include <optional>
#include <string>

namespace rackproof::kernels::gemm {

/// K in slices of whole K-tiles; the last one may be shorter, none is empty.
struct KSplit {
  int slices = 1;
  int k_tiles_per_slice = 0;  ///< not used with one slice
};

/// `slices` slices, or as many as there are K-tiles if that is fewer.
[[nodiscard]] KSplit split_k(const GemmKernel& kernel, const GemmShape& shape, int slices);

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

/// Tiles of `kernel` that cover the result.
[[nodiscard]] std::int64_t tiles_of(const GemmKernel& kernel, const GemmShape& shape);

}  // namespace rackproof::kernels::gemm

#pragma once
/// A configuration of the sm_100 kernel as the host sees it.

#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/sm100/sm100_kernel.cuh"
#include "kernels/gemm/sm100/sm100_launch.hpp"

namespace rackproof::kernels::gemm::sm100 {

template <typename Result, typename Config>
GemmKernel describe_sm100_kernel(std::string_view name) {
  constexpr Sm100Tile kTile = Config::kTile;
  static_assert(ValidSm100Tile<kTile>::kValue);
  return {.name = name,
          .function = reinterpret_cast<const void*>(&gemm_sm100_kernel<Result, Config>),
          .tile_m = kTile.swapped ? kTile.tile_n : kCtaRows,
          .tile_n = kTile.swapped ? kCtaRows : kTile.tile_n,
          .tile_k = kTile.tile_k(),
          .threads = kThreads,
          .shared_bytes = kTile.shared_bytes(),
          .accumulator_bytes = kTile.shares_k ? static_cast<int>(sizeof(float)) : 0,
          .arrivals = kTile.shares_k ? kEpilogueWarps : 1,
          .cluster_m = kTile.ctas,
          .scale_blocks = kTile.scale_words(),
          .wide_steps = kTile.wide(),
          .swapped = kTile.swapped,
          .grid_of_tiles = true,
          .launch = &launch_stealing};
}

}  // namespace rackproof::kernels::gemm::sm100

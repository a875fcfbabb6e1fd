#pragma once
/// The configurations of the sm_100 kernel, and how the host sees them.

#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/sm100/sm100_kernel.cuh"
#include "kernels/gemm/sm100/sm100_launch.hpp"

#include <array>

namespace rackproof::kernels::gemm::sm100 {

/// A pair reads half of B each: 128 bytes of shared memory feed as many products as 256 of one CTA.
template <MatrixKind Kind, int ResultBytes>
struct PairTile {
  static constexpr Sm100Tile kTile{.kind = Kind,
                                   .ctas = 2,
                                   .tile_n = 256,
                                   .stages = scale_interval(Kind) == 0 ? 6 : 5,
                                   .result_bytes = ResultBytes,
                                   .shares_k = true};
};
/// A quarter of it, for problems that would leave SMs without work.
template <MatrixKind Kind, int ResultBytes>
struct SingleTile {
  static constexpr Sm100Tile kTile{.kind = Kind,
                                   .ctas = 1,
                                   .tile_n = 128,
                                   .stages = scale_interval(Kind) == 0 ? 6 : 5,
                                   .result_bytes = ResultBytes};
};

/// Two pairs, one above the other: what L2 delivers of B goes to both.
constexpr Sm100Tile two_pairs(Sm100Tile pair) {
  pair.groups = 2;
  pair.shares_k = false;
  return pair;
}
template <MatrixKind Kind, int ResultBytes>
struct PairsTile {
  static constexpr Sm100Tile kTile = two_pairs(PairTile<Kind, ResultBytes>::kTile);
};

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
          .cluster_m = kTile.cluster_ctas(),
          .cta_group = kTile.ctas,
          .scale_blocks = kTile.scale_words(),
          .wide_steps = kTile.wide(),
          .swapped = kTile.swapped,
          .grid_of_tiles = true,
          .launch = &launch_stealing};
}

/// Both tiles of a type, with these names.
template <typename Result, MatrixKind Kind>
std::array<GemmKernel, 2> pair_and_single(std::string_view pair, std::string_view single) {
  return {describe_sm100_kernel<Result, PairTile<Kind, sizeof(Result)>>(pair),
          describe_sm100_kernel<Result, SingleTile<Kind, sizeof(Result)>>(single)};
}

}  // namespace rackproof::kernels::gemm::sm100

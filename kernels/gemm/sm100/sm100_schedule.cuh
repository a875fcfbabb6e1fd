#pragma once
/// Which tiles a CTA (or cluster) computes, one after the other: its own, then those of clusters of
/// the grid that have not started (clusterlaunchcontrol), or every so manieth one (static), or an
/// even share of the K-tiles of all of them (streamed).

#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/gemm/sm100/sm100_arguments.hpp"
#include "kernels/gemm/sm100/sm100_shared.cuh"
#include "kernels/ptx/tma.cuh"

namespace rackproof::kernels::gemm::sm100 {

/// What a CTA (or cluster) computes between two results: K-tiles of one tile.
struct Work {
  TileIndex tile;  ///< in tiles of the whole cluster
  int first_k_tile = 0;
  int end_k_tile = 0;

  // Where CTAs share the tile's K-tiles:
  int number = 0;  ///< of the tile
  int pieces = 1;
  int piece = 0;       ///< from the tile's first K-tile on
  int first_slot = 0;  ///< of its pieces' partial sums, which lie one after the other
};

/// Columns of a tile.
template <Sm100Tile Tile>
[[nodiscard]] __device__ __forceinline__ int columns_of(const Sm100Arguments& arguments) {
  return Tile.swapped ? arguments.columns : Tile.tile_n;
}

/// The work as one role sees it. `Threads` of a warp walk together: 1, or a whole warp.
template <Sm100Tile Tile, int Threads>
class WorkWalk {
 public:
  __device__ WorkWalk(const Sm100Arguments& arguments, const SharedLayout<Tile>& shared)
      : arguments_(arguments),
        shared_(shared),
        rows_((arguments.m + Tile.cluster_rows() - 1) / Tile.cluster_rows()),
        columns_((arguments.n + columns_of<Tile>(arguments) - 1) / columns_of<Tile>(arguments)),
        k_tiles_((arguments.k + Tile.tile_k() - 1) / Tile.tile_k()),
        next_(static_cast<int>(blockIdx.x) / Tile.cluster_ctas()),
        end_(rows_ * columns_) {
    if constexpr (Tile.shares_k) {
      if (arguments.streams) {
        next_ *= arguments.shared_k_tiles;
        end_ = min(end_ * k_tiles_, next_ + arguments.shared_k_tiles);
      } else {
        end_ *= arguments.slices;
      }
    }
  }

  [[nodiscard]] __device__ __forceinline__ bool ended() const { return next_ < 0 || next_ >= end_; }

  [[nodiscard]] __device__ __forceinline__ Work current() const {
    if constexpr (!Tile.shares_k) {
      return {.tile = tile_of(next_, rows_, columns_), .end_k_tile = k_tiles_};
    } else {
      return arguments_.streams ? streamed() : slice();
    }
  }

  __device__ __forceinline__ void advance() {
    if constexpr (Tile.shares_k) {
      if (arguments_.streams) {
        next_ = (next_ / k_tiles_ + 1) * k_tiles_;
        return;
      }
    }
    if (!arguments_.steals) {
      next_ += static_cast<int>(gridDim.x) / Tile.cluster_ctas();
      return;
    }
    ptx::mbarrier_wait(shared_.answered(answer_.index), answer_.parity);
    const int first_cta = ptx::cancelled_cluster(shared_.response(answer_.index));
    next_ = first_cta < 0 ? -1 : first_cta / Tile.cluster_ctas();
    ptx::fence_async_shared();  // the next answer is written by another proxy
    if constexpr (Threads > 1) {
      __syncwarp();
    }
    if (Threads == 1 || threadIdx.x % kWarpSize == 0) {
      ptx::mbarrier_arrive_at(shared_.understood(answer_.index), 0);
    }
    answer_.advance();
  }

 private:
  /// Of every tile the first slice, then of every tile the second one: slices of different tiles
  /// run at the same time, and wait for nobody.
  [[nodiscard]] __device__ __forceinline__ Work slice() const {
    const int tiles = rows_ * columns_;
    const int piece = next_ / tiles;
    const int number = next_ - piece * tiles;
    const bool whole = arguments_.slices == 1;
    const int first = piece * arguments_.shared_k_tiles;
    return {.tile = tile_of(number, rows_, columns_),
            .first_k_tile = first,
            .end_k_tile = whole ? k_tiles_ : min(k_tiles_, first + arguments_.shared_k_tiles),
            .number = number,
            .pieces = arguments_.slices,
            .piece = piece,
            .first_slot = number * arguments_.slices};
  }

  /// CTA (or pair) c has the K-tiles [c * share, (c + 1) * share) of all tiles in a row; a border
  /// between CTAs inside a tile cuts it. From one piece to the next the CTA, the tile or both
  /// change, so that their sum numbers all pieces without repetition.
  [[nodiscard]] __device__ __forceinline__ Work streamed() const {
    const int share = arguments_.shared_k_tiles;
    const int number = next_ / k_tiles_;
    const int tile_begin = number * k_tiles_;
    const int first_cta = tile_begin / share;
    const int last_cta = (tile_begin + k_tiles_ - 1) / share;
    return {.tile = tile_of(number, rows_, columns_),
            .first_k_tile = next_ - tile_begin,
            .end_k_tile = min(k_tiles_, end_ - tile_begin),
            .number = number,
            .pieces = last_cta - first_cta + 1,
            .piece = next_ / share - first_cta,
            .first_slot = first_cta + number};
  }

  const Sm100Arguments& arguments_;
  const SharedLayout<Tile>& shared_;
  int rows_;
  int columns_;
  int k_tiles_;
  int next_;  ///< a tile, a unit or a K-tile
  int end_;
  RingPlace<kScheduleDepth> answer_;
};

/// One thread of the cluster asks until no cluster is left.
template <Sm100Tile Tile>
__device__ __forceinline__ void schedule(const SharedLayout<Tile>& shared) {
  RingPlace<kScheduleDepth> place;
  int first_cta = 0;
  while (first_cta >= 0) {
    ptx::mbarrier_wait(shared.understood(place.index), place.parity ^ 1U);
#pragma unroll
    for (std::uint32_t cta = 0; cta < Tile.cluster_ctas(); ++cta) {
      ptx::mbarrier_arrive_expect_bytes_at(shared.answered(place.index), ptx::kCancelResponseBytes,
                                           cta);
    }
    ptx::try_cancel_cluster<Tile.cluster_ctas()>(shared.response(place.index),
                                                 shared.answered(place.index));
    ptx::mbarrier_wait(shared.answered(place.index), place.parity);
    first_cta = ptx::cancelled_cluster(shared.response(place.index));
    ptx::fence_async_shared();
    place.advance();
  }
}

}  // namespace rackproof::kernels::gemm::sm100

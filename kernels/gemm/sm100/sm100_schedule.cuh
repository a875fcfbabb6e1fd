#pragma once
/// Which tiles a CTA (or pair) computes, one after the other: its own, then those of clusters of
/// the grid that have not started (clusterlaunchcontrol), or every so manieth one (static).

#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/gemm/sm100/sm100_arguments.hpp"
#include "kernels/gemm/sm100/sm100_shared.cuh"
#include "kernels/ptx/tma.cuh"

namespace rackproof::kernels::gemm::sm100 {

/// The tiles as one role sees them. `Threads` of a warp walk together: 1, or a whole warp.
template <Sm100Tile Tile, int Threads>
class TileWalk {
 public:
  __device__ TileWalk(const Sm100Arguments& arguments, const SharedLayout<Tile>& shared)
      : shared_(shared),
        steals_(arguments.steals),
        rows_((arguments.m + Tile.tile_m() - 1) / Tile.tile_m()),
        columns_((arguments.n + Tile.tile_n - 1) / Tile.tile_n),
        next_(static_cast<int>(blockIdx.x) / Tile.ctas) {}

  [[nodiscard]] __device__ __forceinline__ bool ended() const {
    return next_ < 0 || next_ >= rows_ * columns_;
  }
  /// In tiles of the whole group.
  [[nodiscard]] __device__ __forceinline__ TileIndex current() const {
    return tile_of(next_, rows_, columns_);
  }

  __device__ __forceinline__ void advance() {
    if (!steals_) {
      next_ += static_cast<int>(gridDim.x) / Tile.ctas;
      return;
    }
    ptx::mbarrier_wait(shared_.answered(answer_.index), answer_.parity);
    const int first_cta = ptx::cancelled_cluster(shared_.response(answer_.index));
    next_ = first_cta < 0 ? -1 : first_cta / Tile.ctas;
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
  const SharedLayout<Tile>& shared_;
  bool steals_;
  int rows_;
  int columns_;
  int next_;
  RingPlace<kScheduleDepth> answer_;
};

/// One thread of the group asks until no cluster is left.
template <Sm100Tile Tile>
__device__ __forceinline__ void schedule(const SharedLayout<Tile>& shared) {
  RingPlace<kScheduleDepth> place;
  int first_cta = 0;
  while (first_cta >= 0) {
    ptx::mbarrier_wait(shared.understood(place.index), place.parity ^ 1U);
#pragma unroll
    for (std::uint32_t cta = 0; cta < Tile.ctas; ++cta) {
      ptx::mbarrier_arrive_expect_bytes_at(shared.answered(place.index), ptx::kCancelResponseBytes,
                                           cta);
    }
    ptx::try_cancel_cluster<Tile.ctas>(shared.response(place.index), shared.answered(place.index));
    ptx::mbarrier_wait(shared.answered(place.index), place.parity);
    first_cta = ptx::cancelled_cluster(shared.response(place.index));
    ptx::fence_async_shared();
    place.advance();
  }
}

}  // namespace rackproof::kernels::gemm::sm100

#pragma once
/// The ring of stages between the producer and the consumers, and the order of tiles.

#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/gemm/sm90/sm90_config.hpp"
#include "kernels/ptx/cluster.cuh"
#include "kernels/ptx/mbarrier.cuh"

#include <cstdint>

namespace rackproof::kernels::gemm::sm90 {

/// A place in the ring. `parity` is that of the stage's next full phase.
template <int Stages>
struct RingPlace {
  std::uint32_t stage = 0;
  std::uint32_t parity = 0;
  __device__ __forceinline__ void advance() {
    if (++stage == Stages) {
      stage = 0;
      parity ^= 1U;
    }
  }
};

/// Shared memory of one CTA: stages (A, then B), staging panels, barriers.
template <Sm90Tile Tile>
struct SharedLayout {
  std::uint32_t base;

  __device__ __forceinline__ std::uint32_t a(std::uint32_t stage) const {
    return base + stage * Tile.stage_bytes();
  }
  __device__ __forceinline__ std::uint32_t b(std::uint32_t stage) const {
    return a(stage) + Tile.a_bytes();
  }
  __device__ __forceinline__ std::uint32_t panel(int consumer, int buffer) const {
    return base + Tile.pipeline_bytes() + (consumer * kPanelBuffers + buffer) * kPanelBytes;
  }
  /// Ends when the copies into the stage have arrived.
  __device__ __forceinline__ std::uint32_t full(std::uint32_t stage) const {
    return base + Tile.pipeline_bytes() + Tile.staging_bytes() + stage * ptx::kMbarrierBytes;
  }
  /// Ends when every consumer warp of every CTA that got the stage's copies has read it.
  __device__ __forceinline__ std::uint32_t empty(std::uint32_t stage) const {
    return full(Tile.stages + stage);
  }
  __device__ __forceinline__ std::uint32_t addend(int consumer) const {
    return full(2 * Tile.stages + consumer);
  }

  /// By one thread; the cluster waits for it before anybody uses a barrier.
  __device__ __forceinline__ void init_barriers() const {
    constexpr int kConsumerWarps = kConsumers * kWarpgroupThreads / kWarpSize;
    for (std::uint32_t stage = 0; stage < Tile.stages; ++stage) {
      ptx::mbarrier_init(full(stage), 1);
      ptx::mbarrier_init(empty(stage), Tile.cluster * kConsumerWarps);
    }
    for (int consumer = 0; consumer < kConsumers; ++consumer) {
      ptx::mbarrier_init(addend(consumer), 1);
    }
    ptx::fence_mbarrier_init();
  }
};

/// The tiles of one CTA: clusters take `cluster` tiles one above the other, in bands (tile_of), as
/// many at a time as are resident.
template <Sm90Tile Tile>
class TileSequence {
 public:
  __device__ TileSequence(int m, int n)
      : rows_((m + Tile.cluster * Tile.tile_m - 1) / (Tile.cluster * Tile.tile_m)),
        columns_((n + Tile.tile_n - 1) / Tile.tile_n),
        rank_(Tile.cluster == 1 ? 0 : static_cast<int>(ptx::cluster_cta_rank())),
        next_(static_cast<int>(blockIdx.x) / Tile.cluster) {}

  [[nodiscard]] __device__ __forceinline__ bool ended() const { return next_ >= rows_ * columns_; }
  /// In tiles of one CTA.
  [[nodiscard]] __device__ __forceinline__ TileIndex current() const {
    const TileIndex tile = tile_of(next_, rows_, columns_);
    return {.m = tile.m * Tile.cluster + rank_, .n = tile.n};
  }
  __device__ __forceinline__ void advance() { next_ += static_cast<int>(gridDim.x) / Tile.cluster; }
  [[nodiscard]] __device__ __forceinline__ int rank() const { return rank_; }

 private:
  int rows_;
  int columns_;
  int rank_;
  int next_;
};

}  // namespace rackproof::kernels::gemm::sm90

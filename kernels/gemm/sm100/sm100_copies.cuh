#pragma once
/// What one CTA copies of a tile: its rows of A with their scales for itself, and of B and its
/// scales what its share of the cluster is.

#include "kernels/common/tensor_map.hpp"
#include "kernels/gemm/sm100/sm100_cluster.cuh"
#include "kernels/gemm/sm100/sm100_schedule.cuh"
#include "kernels/ptx/cluster.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tma_pair.cuh"

#include <cstdint>

namespace rackproof::kernels::gemm::sm100 {

template <Sm100Tile Tile>
class TileCopies {
 public:
  __device__ TileCopies(const Sm100Arguments& arguments, const SharedLayout<Tile>& shared,
                        const ClusterPlace<Tile>& cta)
      : arguments_(arguments), shared_(shared), cta_(cta) {
    ptx::prefetch_tensor_map(&arguments.a);
    ptx::prefetch_tensor_map(&arguments.b);
  }

  __device__ __forceinline__ void begin_tile(const TileIndex& tile) {
    row_ = tile.m * Tile.cluster_rows() + static_cast<int>(cta_.rank) * kCtaRows;
    column_ = tile.n * columns_of<Tile>(arguments_);
  }

  /// Waits until every CTA that these copies reach is done with the stage; the barrier at which
  /// `bytes` of the whole group arrive.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t begin(std::uint32_t empty,
                                                               std::uint32_t parity,
                                                               std::uint32_t full,
                                                               int bytes) const {
    ptx::mbarrier_wait(empty, parity ^ 1U);
    if (cta_.leads()) {
      ptx::mbarrier_arrive_expect_bytes(full, bytes);
    }
    return Tile.ctas == 1 ? full : ptx::cluster_address(full, cta_.leader());
  }

  /// Number `k_tile` of the tile's K-tiles. Groups that share B copy a part of it each, to both.
  __device__ __forceinline__ void operands(std::uint32_t stage, int k_tile,
                                           std::uint32_t full) const {
    const int k = k_tile * Tile.box_columns();
    ptx::tma_load_2d_of_group<Tile.ctas>(shared_.a(stage), &arguments_.a, k, row_, full);
    const int b_row = column_ + static_cast<int>(cta_.part()) * Tile.b_rows();
    if constexpr (Tile.groups == 1) {
      ptx::tma_load_2d_of_group<Tile.ctas>(shared_.b(stage), &arguments_.b, k, b_row, full);
    } else {
      const int first = static_cast<int>(cta_.group()) * Tile.copied_b_rows();
      ptx::tma_load_2d_of_pairs_multicast(shared_.b(stage) + first * kBankLineBytes, &arguments_.b,
                                          k, b_row + first, full, cta_.same_part());
    }
  }

  /// Stage number `number` of the tile's scales. All CTAs of a cluster need those of all of B: each
  /// of a pair copies one block of rows to everybody, and groups take turns.
  __device__ __forceinline__ void scales(std::uint32_t stage, int number,
                                         std::uint32_t full) const {
    constexpr int kStageElements = Tile.scale_words() * kScaleBlockBytes / kBlockMapElementBytes;
    const int k = number * kStageElements;
    const int b_block = column_ / kScaleRows;
    ptx::tma_load_2d_of_group<Tile.ctas>(shared_.a_scales(stage), &arguments_.a_scales, k,
                                         row_ / kScaleRows, full);
    if constexpr (Tile.ctas == 1) {
      ptx::tma_load_2d(shared_.b_scales(stage), &arguments_.b_scales, k, b_block, full);
    } else if (Tile.groups == 1 ||
               static_cast<std::uint32_t>(number) % Tile.groups == cta_.group()) {
      const std::uint32_t block = cta_.part();
      ptx::tma_load_2d_of_pairs_multicast(
          shared_.b_scales(stage) + block * Tile.a_scale_bytes(), &arguments_.b_scales, k,
          b_block + static_cast<int>(block), full, ClusterPlace<Tile>::kEveryCta);
    }
  }

 private:
  const Sm100Arguments& arguments_;
  const SharedLayout<Tile>& shared_;
  ClusterPlace<Tile> cta_;
  int row_ = 0;
  int column_ = 0;
};

/// Waits until nobody uses the ring any more: the matrix unit's last arrivals find this CTA's
/// barriers alive.
template <int Places, typename Empty>
__device__ __forceinline__ void wait_until_empty(RingPlace<Places> place, const Empty& empty) {
  for (int i = 0; i < Places; ++i) {
    ptx::mbarrier_wait(empty(place.index), place.parity ^ 1U);
    place.advance();
  }
}

}  // namespace rackproof::kernels::gemm::sm100

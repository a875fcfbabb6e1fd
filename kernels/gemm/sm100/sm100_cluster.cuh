#pragma once
/// Clusters of one group of CTAs that multiply together, or of two that share B: who is who.

#include "kernels/gemm/sm100/sm100_config.hpp"

#include <cstdint>

namespace rackproof::kernels::gemm::sm100 {

/// Where a CTA stands. A cluster's groups lie one above the other, its CTAs too: `rank` counts
/// blocks of 128 rows. Masks have a bit for each CTA of the cluster.
template <Sm100Tile Tile>
struct ClusterPlace {
  std::uint32_t rank;

  static constexpr std::uint16_t kEveryCta = (1U << Tile.cluster_ctas()) - 1;

  [[nodiscard]] __device__ __forceinline__ std::uint32_t group() const {
    return Tile.groups == 1 ? 0 : rank / Tile.ctas;
  }
  /// Of the group's CTAs; it names the part of B that the CTA holds.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t part() const {
    return rank - group() * Tile.ctas;
  }
  /// The group's first CTA, which multiplies.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t leader() const {
    return group() * Tile.ctas;
  }
  [[nodiscard]] __device__ __forceinline__ bool leads() const { return part() == 0; }

  [[nodiscard]] __device__ __forceinline__ std::uint16_t own_group() const {
    constexpr std::uint32_t kFirstGroup = (1U << Tile.ctas) - 1;
    return static_cast<std::uint16_t>(kFirstGroup << leader());
  }
  /// Those that hold the same part of B.
  [[nodiscard]] __device__ __forceinline__ std::uint16_t same_part() const {
    constexpr std::uint32_t kFirstParts = Tile.groups == 1 ? 1U : 1U | 1U << Tile.ctas;
    return static_cast<std::uint16_t>(kFirstParts << part());
  }
};

}  // namespace rackproof::kernels::gemm::sm100

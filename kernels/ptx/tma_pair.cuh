#pragma once
/// TMA copies of pairs of CTAs: each copies into its own shared memory, or into that of several
/// CTAs of the cluster, and counts at a barrier of either CTA of the pair. PTX ISA 9.0, 9.7.9.27
/// "Data Movement and Conversion Instructions": cp.async.bulk.tensor with .cta_group::2; sm_100 and
/// newer.

#include "kernels/ptx/tma.cuh"

#include <cstdint>

namespace rackproof::kernels::ptx {

/// tma_load_2d() whose `barrier` is a shared::cluster address in this CTA or in its peer.
template <int Ctas>
__device__ __forceinline__ void tma_load_2d_of_group(std::uint32_t destination, const void* map,
                                                     int x, int y, std::uint32_t barrier) {
  if constexpr (Ctas == 1) {
    tma_load_2d(destination, map, x, y, barrier);
  } else {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
        ".cta_group::2 [%0], [%1, {%2, %3}], [%4];\n" ::"r"(destination),
        "l"(map), "r"(x), "r"(y), "r"(barrier)
        : "memory");
  }
}

/// The same into this place of every CTA of the cluster whose bit is set in `ctas`. Each counts at
/// `barrier`'s place in its own pair: in the first CTA of it if `barrier` lies in a first one.
__device__ __forceinline__ void tma_load_2d_of_pairs_multicast(std::uint32_t destination,
                                                               const void* map, int x, int y,
                                                               std::uint32_t barrier,
                                                               std::uint16_t ctas) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".multicast::cluster.cta_group::2 [%0], [%1, {%2, %3}], [%4], %5;\n" ::"r"(destination),
      "l"(map), "r"(x), "r"(y), "r"(barrier), "h"(ctas)
      : "memory");
}

}  // namespace rackproof::kernels::ptx

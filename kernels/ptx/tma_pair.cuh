#pragma once
/// TMA copies of a pair of CTAs: each copies into its own shared memory and counts at a barrier of
/// either one. PTX ISA 9.0, 9.7.9.27 "Data Movement and Conversion Instructions":
/// cp.async.bulk.tensor with .cta_group::2; sm_100 and newer.

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

}  // namespace rackproof::kernels::ptx

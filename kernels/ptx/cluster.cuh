#pragma once
/// Clusters of CTAs. PTX ISA 9.0, 10 "Special Registers": %cluster_ctarank, %clusterid,
/// %nclusterid; 9.7.9.24 mapa; 9.7.13.4 "Parallel Synchronization and Communication Instructions":
/// barrier.cluster.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Of this CTA in its cluster.
__device__ __forceinline__ std::uint32_t cluster_cta_rank() {
  std::uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;\n" : "=r"(rank));
  return rank;
}

/// shared::cluster address of what this CTA has at `shared_address`, in CTA `cta` of the cluster.
__device__ __forceinline__ std::uint32_t cluster_address(std::uint32_t shared_address,
                                                         std::uint32_t cta) {
  std::uint32_t address;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;\n"
               : "=r"(address)
               : "r"(shared_address), "r"(cta));
  return address;
}

/// All threads of all CTAs of the cluster; what they wrote before is visible after it.
__device__ __forceinline__ void cluster_sync() {
  asm volatile(
      "barrier.cluster.arrive.release.aligned;\n"
      "barrier.cluster.wait.acquire.aligned;\n" ::
          : "memory");
}

}  // namespace rackproof::kernels::ptx

#pragma once
/// Barriers in shared memory that count arrivals and bytes. A phase ends when all arrivals and all
/// expected bytes are there; waiters name the parity of the phase they wait for. Between CTAs they
/// hand over shared and tensor memory that engines read and write, never what threads wrote to
/// global memory. So all have the default scope, the CTA: with the cluster's, each arrival costs a
/// MEMBAR.GPU and each wait a CCTL.IVALL in every stage (counted in results/baselines/sass).
/// PTX ISA 9.0, 9.7.13.15 "Parallel Synchronization and Communication Instructions": mbarrier.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// Bytes of one barrier; its alignment too.
inline constexpr int kMbarrierBytes = 8;

__device__ __forceinline__ void mbarrier_init(std::uint32_t barrier, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(barrier), "r"(arrivals)
               : "memory");
}

/// Makes this thread's initialisations visible to the cluster and to asynchronous copies.
__device__ __forceinline__ void fence_mbarrier_init() {
  asm volatile("fence.mbarrier_init.release.cluster;\n" ::: "memory");
}

/// Arrives, and lets the phase wait for `bytes` of asynchronous copies.
__device__ __forceinline__ void mbarrier_arrive_expect_bytes(std::uint32_t barrier,
                                                             std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(barrier), "r"(bytes)
               : "memory");
}

/// Arrives at the barrier with this CTA-local address in CTA `cta` of the cluster.
__device__ __forceinline__ void mbarrier_arrive_at(std::uint32_t barrier, std::uint32_t cta) {
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [remote];\n"
      "}\n" ::"r"(barrier),
      "r"(cta)
      : "memory");
}

/// mbarrier_arrive_expect_bytes() at the barrier with this CTA-local address in CTA `cta`.
__device__ __forceinline__ void mbarrier_arrive_expect_bytes_at(std::uint32_t barrier,
                                                                std::uint32_t bytes,
                                                                std::uint32_t cta) {
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %2;\n"
      "mbarrier.arrive.expect_tx.shared::cluster.b64 _, [remote], %1;\n"
      "}\n" ::"r"(barrier),
      "r"(bytes), "r"(cta)
      : "memory");
}

/// Waits for the end of the phase of this parity (0 first).
__device__ __forceinline__ void mbarrier_wait(std::uint32_t barrier, std::uint32_t parity) {
  std::uint32_t done = 0;
  while (done == 0) {
    asm volatile(
        "{\n"
        ".reg .pred ended;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 ended, [%1], %2;\n"
        "selp.u32 %0, 1, 0, ended;\n"
        "}\n"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
  }
}

}  // namespace rackproof::kernels::ptx

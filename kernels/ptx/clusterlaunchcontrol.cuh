#pragma once
/// Taking over clusters of the grid that have not started: dynamic scheduling of persistent CTAs.
/// PTX ISA 9.0, 9.7.13.17 and 9.7.13.18 "Parallel Synchronization and Communication Instructions":
/// clusterlaunchcontrol.try_cancel, clusterlaunchcontrol.query_cancel; sm_100 and newer.

#include <cstdint>

namespace rackproof::kernels::ptx {

/// What a request answers, 16 bytes in shared memory, aligned to 16.
inline constexpr int kCancelResponseBytes = 16;

/// Asks for the next cluster; the response and its bytes arrive at the same addresses of every CTA
/// of this cluster. Not after a response without a cluster was seen.
template <int Ctas>
__device__ __forceinline__ void try_cancel_cluster(std::uint32_t response, std::uint32_t barrier) {
  if constexpr (Ctas == 1) {
    asm volatile(
        "clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::bytes.b128 "
        "[%0], [%1];\n" ::"r"(response),
        "r"(barrier)
        : "memory");
  } else {
    asm volatile(
        "clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::bytes"
        ".multicast::cluster::all.b128 [%0], [%1];\n" ::"r"(response),
        "r"(barrier)
        : "memory");
  }
}

/// %ctaid.x of the first CTA of the cluster in `response`, or -1 if no cluster was left.
__device__ __forceinline__ int cancelled_cluster(std::uint32_t response) {
  int first_cta;
  asm volatile(
      "{\n"
      ".reg .pred cancelled;\n"
      ".reg .b128 answer;\n"
      "ld.shared.b128 answer, [%1];\n"
      "mov.b32 %0, -1;\n"
      "clusterlaunchcontrol.query_cancel.is_canceled.pred.b128 cancelled, answer;\n"
      "@cancelled clusterlaunchcontrol.query_cancel.get_first_ctaid::x.b32.b128 %0, answer;\n"
      "}\n"
      : "=r"(first_cta)
      : "r"(response)
      : "memory");
  return first_cta;
}

}  // namespace rackproof::kernels::ptx

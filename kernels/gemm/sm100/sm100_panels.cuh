#pragma once
/// The panels of one epilogue warp in shared memory, on their way to memory by TMA: one is filled
/// while the one before is stored. Nothing but the warp itself waits for it.

#include "kernels/gemm/sm100/sm100_arguments.hpp"
#include "kernels/gemm/sm100/sm100_shared.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tcgen05.cuh"
#include "kernels/ptx/tma.cuh"
#include "kernels/ptx/warp.cuh"

#include <cstdint>

namespace rackproof::kernels::gemm::sm100 {

/// Called by the whole warp. elect.sync names the same thread of a whole warp every time (PTX ISA
/// 9.0, 9.7.13.16), so that it waits for stores of its own.
template <Sm100Tile Tile>
class PanelBuffers {
 public:
  __device__ PanelBuffers(const Sm100Arguments& arguments, const SharedLayout<Tile>& shared,
                          int warp)
      : arguments_(arguments), shared_(shared), warp_(warp) {}

  /// A panel of C is added.
  [[nodiscard]] __device__ __forceinline__ bool adds() const { return arguments_.beta != 0.0F; }

  /// A buffer that no store reads any more. With adds(), C at these coordinates lies in it.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t next(int x, int y) {
    const std::uint32_t buffer = shared_.panel(warp_, index_);
    index_ ^= 1;
    if (ptx::elect_one()) {
      ptx::tma_store_wait_read<kPanelBuffers - 1>();  // this buffer's last store has read it
      if (adds()) {
        ptx::mbarrier_arrive_expect_bytes(shared_.addend(warp_), Tile.panel_bytes());
        ptx::tma_load_2d(buffer, &arguments_.c, x, y, shared_.addend(warp_));
      }
    }
    __syncwarp();
    if (adds()) {
      ptx::mbarrier_wait(shared_.addend(warp_), addend_parity_);
      addend_parity_ ^= 1U;
    }
    return buffer;
  }

  /// What the warp has put into the buffer, to D at these coordinates.
  __device__ __forceinline__ void store(std::uint32_t buffer, int x, int y) const {
    ptx::fence_async_shared();
    __syncwarp();
    if (ptx::elect_one()) {
      ptx::tma_store_2d(&arguments_.d, x, y, buffer);
      ptx::tma_store_commit();
    }
  }

  /// Before the CTA ends: its shared memory has been read.
  __device__ __forceinline__ void finish() const {
    if (ptx::elect_one()) {
      ptx::tma_store_wait_read<0>();
    }
    __syncwarp();
  }

 private:
  const Sm100Arguments& arguments_;
  const SharedLayout<Tile>& shared_;
  int warp_;
  int index_ = 0;
  std::uint32_t addend_parity_ = 0;
};

/// One warp has read what the next tile overwrites of an accumulator, of the group that `leader` is
/// the first CTA of.
template <Sm100Tile Tile>
__device__ __forceinline__ void tell_drained(const SharedLayout<Tile>& shared,
                                             std::uint32_t accumulator, std::uint32_t leader) {
  ptx::tcgen05_before_sync();
  __syncwarp();
  if (ptx::elect_one()) {
    ptx::mbarrier_arrive_at(shared.drained(accumulator), leader);
  }
}

}  // namespace rackproof::kernels::gemm::sm100

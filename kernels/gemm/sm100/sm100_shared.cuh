#pragma once
/// Shared and tensor memory of one CTA: where everything lies, and the rings between the roles.

#include "kernels/gemm/sm100/sm100_config.hpp"
#include "kernels/ptx/clusterlaunchcontrol.cuh"
#include "kernels/ptx/mbarrier.cuh"

#include <cstdint>

namespace rackproof::kernels::gemm::sm100 {

/// A place in a ring. `parity` is that of the place's next full phase; the phase before the first
/// one counts as ended, so that waiting for "empty" with the other parity passes at once.
template <int Places>
struct RingPlace {
  std::uint32_t index = 0;
  std::uint32_t parity = 0;
  __device__ __forceinline__ void advance() {
    if (++index == Places) {
      index = 0;
      parity ^= 1U;
    }
  }
};

template <Sm100Tile Tile>
struct SharedLayout {
  std::uint32_t base;  ///< a multiple of 1024

  static constexpr std::uint32_t kStaging = Tile.stages * Tile.operand_bytes();
  static constexpr std::uint32_t kScales = kStaging + Tile.staging_bytes();
  static constexpr std::uint32_t kResponses = kScales + Tile.scale_slots() * Tile.scale_bytes();
  static constexpr std::uint32_t kBarriers = kResponses + Tile.response_bytes();
  static constexpr std::uint32_t kTensorAddress = kBarriers + Tile.barriers() * ptx::kMbarrierBytes;

  __device__ __forceinline__ std::uint32_t a(std::uint32_t stage) const {
    return base + stage * Tile.operand_bytes();
  }
  __device__ __forceinline__ std::uint32_t b(std::uint32_t stage) const {
    return a(stage) + Tile.a_bytes();
  }
  __device__ __forceinline__ std::uint32_t a_scales(std::uint32_t stage) const {
    return base + kScales + stage * Tile.scale_bytes();
  }
  __device__ __forceinline__ std::uint32_t b_scales(std::uint32_t stage) const {
    return a_scales(stage) + Tile.a_scale_bytes();
  }
  __device__ __forceinline__ std::uint32_t panel(int epilogue_warp, int buffer) const {
    return base + kStaging + (epilogue_warp * kPanelBuffers + buffer) * Tile.panel_bytes();
  }
  __device__ __forceinline__ std::uint32_t response(std::uint32_t place) const {
    return base + kResponses + place * ptx::kCancelResponseBytes;
  }
  /// Where tcgen05.alloc leaves the address of the tensor memory.
  __device__ __forceinline__ std::uint32_t tensor_address() const { return base + kTensorAddress; }

  /// The stage's copies, of both CTAs of a pair, have arrived; in the group's first CTA.
  __device__ __forceinline__ std::uint32_t full(std::uint32_t stage) const {
    return barrier(stage);
  }
  /// The stage has been multiplied by every group of the cluster; in each CTA.
  __device__ __forceinline__ std::uint32_t empty(std::uint32_t stage) const {
    return barrier(Tile.stages + stage);
  }
  /// All of K is in the accumulator; in each CTA.
  __device__ __forceinline__ std::uint32_t accumulated(std::uint32_t accumulator) const {
    return barrier(2 * Tile.stages + accumulator);
  }
  /// Every epilogue warp of the group has read what the next tile overwrites; in its first CTA.
  __device__ __forceinline__ std::uint32_t drained(std::uint32_t accumulator) const {
    return barrier(2 * Tile.stages + kAccumulators + accumulator);
  }
  /// The scheduler's answer has arrived; in each CTA.
  __device__ __forceinline__ std::uint32_t answered(std::uint32_t place) const {
    return barrier(2 * (Tile.stages + kAccumulators) + place);
  }
  /// Every role of the cluster has read the answer; in the cluster's first CTA.
  __device__ __forceinline__ std::uint32_t understood(std::uint32_t place) const {
    return barrier(2 * (Tile.stages + kAccumulators) + kScheduleDepth + place);
  }
  __device__ __forceinline__ std::uint32_t addend(int epilogue_warp) const {
    return barrier(2 * (Tile.stages + kAccumulators + kScheduleDepth) + epilogue_warp);
  }

  /// The same as full() and empty(), of the ring of scales that wide steps have.
  __device__ __forceinline__ std::uint32_t scales_full(std::uint32_t stage) const {
    return barrier(kFirstScaleBarrier + stage);
  }
  __device__ __forceinline__ std::uint32_t scales_empty(std::uint32_t stage) const {
    return barrier(kFirstScaleBarrier + Tile.scale_stages + stage);
  }

  /// By one thread; the cluster waits for it before anybody uses a barrier.
  __device__ __forceinline__ void init_barriers() const {
    // Each CTA's loader and epilogue read an answer, and each group's multiplier.
    constexpr int kReaders = Tile.cluster_ctas() * (1 + kEpilogueWarps) + Tile.groups;
    for (std::uint32_t stage = 0; stage < Tile.stages; ++stage) {
      ptx::mbarrier_init(full(stage), 1);
      ptx::mbarrier_init(empty(stage), Tile.groups);
    }
    for (std::uint32_t accumulator = 0; accumulator < kAccumulators; ++accumulator) {
      ptx::mbarrier_init(accumulated(accumulator), 1);
      ptx::mbarrier_init(drained(accumulator), Tile.ctas * kEpilogueWarps);
    }
    for (std::uint32_t place = 0; place < kScheduleDepth; ++place) {
      ptx::mbarrier_init(answered(place), 1);
      ptx::mbarrier_init(understood(place), kReaders);
    }
    for (int warp = 0; warp < kEpilogueWarps; ++warp) {
      ptx::mbarrier_init(addend(warp), 1);
    }
    if constexpr (Tile.wide()) {
      for (std::uint32_t stage = 0; stage < Tile.scale_stages; ++stage) {
        ptx::mbarrier_init(scales_full(stage), 1);
        ptx::mbarrier_init(scales_empty(stage), Tile.groups);
      }
    }
    ptx::fence_mbarrier_init();
  }

 private:
  static constexpr std::uint32_t kFirstScaleBarrier =
      2 * (Tile.stages + kAccumulators + kScheduleDepth) + kEpilogueWarps;
  __device__ __forceinline__ std::uint32_t barrier(std::uint32_t index) const {
    return base + kBarriers + index * ptx::kMbarrierBytes;
  }
};

/// Columns of tensor memory, from the start of the allocation.
template <Sm100Tile Tile>
struct TensorLayout {
  std::uint32_t base;

  __device__ __forceinline__ std::uint32_t accumulator(std::uint32_t index) const {
    return base + index * Tile.second_accumulator();
  }
  /// Of one word of scales of a stage's rows.
  __device__ __forceinline__ std::uint32_t a_scales(int word) const {
    return base + Tile.first_scale_column() + word * kScaleBlockColumns;
  }
  __device__ __forceinline__ std::uint32_t b_scales(int word) const {
    return a_scales(Tile.scale_words()) + word * Tile.b_scale_blocks() * kScaleBlockColumns;
  }
};

}  // namespace rackproof::kernels::gemm::sm100

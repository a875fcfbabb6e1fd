#pragma once
/// From an accumulator in tensor memory to results in global memory: each warp reads panels of its
/// 32 lanes, scales, adds beta * C and rounds once in registers, puts the panel into swizzled
/// shared memory and stores it by TMA. Nothing but the warp itself waits for it.

#include "kernels/common/convert.cuh"
#include "kernels/common/swizzle.cuh"
#include "kernels/common/vector16.cuh"
#include "kernels/gemm/sm100/sm100_pieces.cuh"
#include "kernels/ptx/memory.cuh"
#include "kernels/ptx/tcgen05.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>

namespace rackproof::kernels::gemm::sm100 {

/// Results that fill 16 bytes.
template <typename Result>
__device__ __forceinline__ uint4 pack16(const float* values) {
  if constexpr (sizeof(Result) == sizeof(float)) {
    uint4 bits;
    memcpy(&bits, values, sizeof(bits));
    return bits;
  } else {
    return make_uint4(pack2<Result>(values[0], values[1]), pack2<Result>(values[2], values[3]),
                      pack2<Result>(values[4], values[5]), pack2<Result>(values[6], values[7]));
  }
}

template <Sm100Tile Tile, typename Result>
class Epilogue {
 public:
  __device__ Epilogue(const Sm100Arguments& arguments, const SharedLayout<Tile>& shared,
                      const TensorLayout<Tile>& tensor, std::uint32_t rank, int warp)
      : arguments_(arguments),
        shared_(shared),
        tensor_(tensor),
        warp_(warp),
        lane_(static_cast<int>(threadIdx.x) % kWarpSize),
        pieces_(arguments, static_cast<int>(rank) * kEpilogueWarps + warp, lane_) {}

  /// The warp's rows of an accumulator, the first of which are `row` and `column`.
  __device__ __forceinline__ void store(std::uint32_t accumulator, const Work& work, int row,
                                        int column) {
    const bool whole = !Tile.shares_k || work.pieces == 1;
    // What the other accumulator shares comes first: the last columns of one, the first of the
    // other.
    const bool backwards = Tile.shared_panels() > 0 && accumulator == 0;
    constexpr int kDrainedAfter = Tile.shared_panels() > 0 ? Tile.shared_panels() : kPanels;
    const std::uint32_t lanes = static_cast<std::uint32_t>(warp_ * kWarpSize) << 16;
#pragma unroll 1
    for (int i = 0; i < kPanels; ++i) {
      const int panel = backwards ? kPanels - 1 - i : i;
      const int first = panel * Tile.panel_columns();
      // The whole warp sees the same.
      const bool exists = row < arguments_.m && column + first < arguments_.n;
      float sums[Tile.panel_columns()];
      if (exists) {
#pragma unroll
        for (int part = 0; part < Tile.panel_columns(); part += kLoadColumns) {
          ptx::tmem_load_32(sums + part, tensor_.accumulator(accumulator) + lanes + first + part);
        }
        ptx::tmem_wait_load();
        ptx::tmem_hold(sums);
      }
      if (i + 1 == kDrainedAfter) {
        ptx::tcgen05_before_sync();
        __syncwarp();
        if (lane_ == 0) {
          ptx::mbarrier_arrive_at(shared_.drained(accumulator), 0);
        }
      }
      if (exists && whole) {
        store_panel(sums, row, column + first);
      } else if (exists) {
        pieces_.put(sums, work, panel);
      }
    }
    if constexpr (Tile.shares_k) {
      if (!whole && row < arguments_.m && pieces_.completes(work)) {
        store_total(work, row, column);
      }
    }
  }

  /// Before the CTA ends: its shared memory has been read.
  __device__ __forceinline__ void finish() const {
    if (lane_ == 0) {
      ptx::tma_store_wait_read<0>();
    }
    __syncwarp();
  }

 private:
  static constexpr int kPanels = Tile.panels();
  static constexpr int kLoadColumns = 32;
  static constexpr int kVector = kVectorElements<Result>;

  __device__ __forceinline__ void store_total(const Work& work, int row, int column) {
#pragma unroll 1
    for (int panel = 0; panel < kPanels; ++panel) {
      const int first_column = column + panel * Tile.panel_columns();
      if (first_column < arguments_.n) {
        float sums[Tile.panel_sums()];
        pieces_.add(sums, work, panel);
        store_panel(sums, row, first_column);
      }
    }
  }

  __device__ __forceinline__ void store_panel(float (&sums)[Tile.panel_columns()], int row,
                                              int column) {
    const std::uint32_t buffer = shared_.panel(warp_, buffer_);
    buffer_ ^= 1;
    const bool adds = arguments_.beta != 0.0F;
    if (lane_ == 0) {
      ptx::tma_store_wait_read<kPanelBuffers - 1>();  // this buffer's last store has read it
      if (adds) {
        ptx::mbarrier_arrive_expect_bytes(shared_.addend(warp_), kPanelBytes);
        ptx::tma_load_2d(buffer, &arguments_.c, column, row, shared_.addend(warp_));
      }
    }
    __syncwarp();
    if (adds) {
      ptx::mbarrier_wait(shared_.addend(warp_), addend_parity_);
      addend_parity_ ^= 1U;
    }
#pragma unroll
    for (int chunk = 0; chunk < kBankLineBytes / kVectorBytes; ++chunk) {
      const std::uint32_t address = buffer + swizzled_offset<kBankLineBytes>(lane_, chunk);
      float results[kVector];
#pragma unroll
      for (int e = 0; e < kVector; ++e) {
        results[e] = arguments_.alpha * sums[chunk * kVector + e];
      }
      if (adds) {
        Vector16<Result> addends;
        const uint4 bits = ptx::ld_shared_16(address);
        memcpy(&addends, &bits, sizeof(bits));
#pragma unroll
        for (int e = 0; e < kVector; ++e) {
          results[e] = fmaf(arguments_.beta, to_float(addends[e]), results[e]);
        }
      }
      ptx::st_shared_16(address, pack16<Result>(results));
    }
    ptx::fence_async_shared();
    __syncwarp();
    if (lane_ == 0) {
      ptx::tma_store_2d(&arguments_.d, column, row, buffer);
      ptx::tma_store_commit();
    }
  }

  const Sm100Arguments& arguments_;
  const SharedLayout<Tile>& shared_;
  const TensorLayout<Tile>& tensor_;
  int warp_;
  int lane_;
  Pieces<Tile> pieces_;
  int buffer_ = 0;
  std::uint32_t addend_parity_ = 0;
};

}  // namespace rackproof::kernels::gemm::sm100

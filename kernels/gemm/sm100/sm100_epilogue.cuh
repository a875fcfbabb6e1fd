#pragma once
/// From an accumulator in tensor memory to results in global memory: each warp reads panels of its
/// 32 lanes, scales, adds beta * C and rounds once in registers, puts the panel into swizzled
/// shared memory and stores it by TMA.

#include "kernels/common/convert.cuh"
#include "kernels/common/swizzle.cuh"
#include "kernels/common/vector16.cuh"
#include "kernels/gemm/sm100/sm100_cluster.cuh"
#include "kernels/gemm/sm100/sm100_panels.cuh"
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
                      const TensorLayout<Tile>& tensor, const ClusterPlace<Tile>& cta, int warp)
      : arguments_(arguments),
        shared_(shared),
        tensor_(tensor),
        leader_(cta.leader()),
        warp_(warp),
        lane_(static_cast<int>(threadIdx.x) % kWarpSize),
        panels_(arguments, shared, warp),
        pieces_(arguments, static_cast<int>(cta.rank) * kEpilogueWarps + warp, lane_) {}

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
        tell_drained(shared_, accumulator, leader_);
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

  __device__ __forceinline__ void finish() const {
    panels_.finish();
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
    const std::uint32_t buffer = panels_.next(column, row);
#pragma unroll
    for (int chunk = 0; chunk < kBankLineBytes / kVectorBytes; ++chunk) {
      const std::uint32_t address = buffer + swizzled_offset<kBankLineBytes>(lane_, chunk);
      float results[kVector];
#pragma unroll
      for (int e = 0; e < kVector; ++e) {
        results[e] = arguments_.alpha * sums[chunk * kVector + e];
      }
      if (panels_.adds()) {
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
    panels_.store(buffer, column, row);
  }

  const Sm100Arguments& arguments_;
  const SharedLayout<Tile>& shared_;
  const TensorLayout<Tile>& tensor_;
  std::uint32_t leader_;
  int warp_;
  int lane_;
  PanelBuffers<Tile> panels_;
  Pieces<Tile> pieces_;
};

}  // namespace rackproof::kernels::gemm::sm100

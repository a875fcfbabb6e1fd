#pragma once
/// The way out of swapped operands: lanes of tensor memory are columns of the result. Each warp
/// reads panels of 16 rows x its 32 columns as fragments of 8x8 tiles, which `stmatrix` transposes
/// into rows of 64 bytes in swizzled shared memory, and stores them by TMA.

#include "kernels/common/convert.cuh"
#include "kernels/common/swizzle.cuh"
#include "kernels/gemm/sm100/sm100_cluster.cuh"
#include "kernels/gemm/sm100/sm100_panels.cuh"
#include "kernels/gemm/sm100/sm100_pieces.cuh"
#include "kernels/ptx/ldmatrix.cuh"
#include "kernels/ptx/stmatrix.cuh"
#include "kernels/ptx/tcgen05.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>

namespace rackproof::kernels::gemm::sm100 {

template <Sm100Tile Tile, typename Result>
class SwappedEpilogue {
 public:
  __device__ SwappedEpilogue(const Sm100Arguments& arguments, const SharedLayout<Tile>& shared,
                             const TensorLayout<Tile>& tensor, const ClusterPlace<Tile>& /*cta*/,
                             int warp)
      : arguments_(arguments),
        shared_(shared),
        tensor_(tensor),
        warp_(warp),
        lane_(static_cast<int>(threadIdx.x) % kWarpSize),
        panels_(arguments, shared, warp),
        pieces_(arguments, warp, lane_) {}

  /// The warp's lanes of an accumulator; the first lane is row `row` of what lies in the lanes, the
  /// first column is `column`.
  __device__ __forceinline__ void store(std::uint32_t accumulator, const Work& work, int row,
                                        int column) {
    // The whole warp sees the same; a warp of another CTA with these lanes does, too.
    const int columns = min(arguments_.columns, arguments_.n - column);
    const int panels = row < arguments_.m ? (columns + kSwappedColumns - 1) / kSwappedColumns : 0;
    const bool whole = work.pieces == 1;
#pragma unroll 1
    for (int panel = 0; panel < panels; ++panel) {
      float sums[Tile.panel_sums()];
      read(sums, accumulator, panel);
      if (whole) {
        store_panel(sums, row, column + panel * kSwappedColumns);
      } else {
        pieces_.put(sums, work, panel);
      }
    }
    tell_drained(shared_, accumulator, 0);
    if (whole || panels == 0 || !pieces_.completes(work)) {
      return;
    }
#pragma unroll 1
    for (int panel = 0; panel < panels; ++panel) {
      float sums[Tile.panel_sums()];
      pieces_.add(sums, work, panel);
      store_panel(sums, row, column + panel * kSwappedColumns);
    }
  }

  __device__ __forceinline__ void finish() const {
    panels_.finish();
  }

 private:
  /// Lanes and columns of an 8x8 tile, and of the part of a panel that one load reads.
  static constexpr int kTile = 8;
  static constexpr int kLoadLanes = 16;
  static constexpr int kLoadSums = Tile.panel_sums() / 2;
  static constexpr int kTilesOfColumns = kSwappedColumns / kTile;

  __device__ __forceinline__ void read(float (&sums)[Tile.panel_sums()], std::uint32_t accumulator,
                                       int panel) const {
    const std::uint32_t address = tensor_.accumulator(accumulator) + panel * kSwappedColumns;
#pragma unroll
    for (int half = 0; half < kWarpSize / kLoadLanes; ++half) {
      const auto lanes = static_cast<std::uint32_t>(warp_ * kWarpSize + half * kLoadLanes);
      ptx::tmem_load_16x16(sums + half * kLoadSums, address + (lanes << 16));
    }
    ptx::tmem_wait_load();
    ptx::tmem_hold(sums);
  }

  /// Row `column` of the result from column `row` on: what is a row here is a column there.
  __device__ __forceinline__ void store_panel(float (&sums)[Tile.panel_sums()], int row,
                                              int column) {
    const std::uint32_t buffer = panels_.next(row, column);
#pragma unroll
    for (int group = 0; group < kTilesOfColumns; ++group) {
      // Lane l names row l%8 of the tile that holds the lanes 8 * (l/8) onwards: 16 bytes of it.
      const std::uint32_t address =
          buffer + swizzled_offset<kSwappedRowBytes>(group * kTile + lane_ % kTile, lane_ / kTile);
      std::uint32_t addends[4];
      if (panels_.adds()) {
        ptx::ldmatrix_x4_trans(addends, address);
      }
      std::uint32_t results[4];
#pragma unroll
      for (int tile = 0; tile < 4; ++tile) {
        const float* const pair = sums + tile / 2 * kLoadSums + group * 4 + tile % 2 * 2;
        float first = arguments_.alpha * pair[0];
        float second = arguments_.alpha * pair[1];
        if (panels_.adds()) {
          Result addend[2];
          memcpy(addend, &addends[tile], sizeof(addend));
          first = fmaf(arguments_.beta, to_float(addend[0]), first);
          second = fmaf(arguments_.beta, to_float(addend[1]), second);
        }
        results[tile] = pack2<Result>(first, second);
      }
      ptx::stmatrix_x4_trans(address, results);
    }
    panels_.store(buffer, row, column);
  }

  const Sm100Arguments& arguments_;
  const SharedLayout<Tile>& shared_;
  const TensorLayout<Tile>& tensor_;
  int warp_;
  int lane_;
  PanelBuffers<Tile> panels_;
  Pieces<Tile> pieces_;
};

}  // namespace rackproof::kernels::gemm::sm100

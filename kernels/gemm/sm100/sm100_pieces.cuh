#pragma once
/// Pieces of a tile that several CTAs summed over different K-tiles. Each epilogue warp writes the
/// partial sums of its lanes and counts itself in; the one that comes last adds all pieces in the
/// order of their K-tiles. The bits never depend on which CTA that is, nobody waits for anybody,
/// and no barrier wider than a warp is needed: warp w of every CTA has the same lanes.

#include "kernels/gemm/sm100/sm100_schedule.cuh"
#include "kernels/ptx/atomic.cuh"
#include "kernels/ptx/memory.cuh"

#include <cstring>

namespace rackproof::kernels::gemm::sm100 {

template <Sm100Tile Tile>
class Pieces {
 public:
  /// `warp`: of the epilogue's warps of all CTAs that multiply together.
  __device__ Pieces(const Sm100Arguments& arguments, int warp, int lane)
      : arguments_(arguments), warp_(warp), lane_(lane) {}

  /// A thread's sums of a panel.
  static constexpr int kPanelSums = Tile.panel_sums();

  /// Writes a panel of this CTA's piece: 16 bytes a thread, a warp's together.
  __device__ __forceinline__ void put(const float (&sums)[kPanelSums], const Work& work,
                                      int panel) const {
#pragma unroll
    for (int vector = 0; vector < kVectors; ++vector) {
      uint4 bits;
      memcpy(&bits, sums + vector * kSumsOfVector, sizeof(bits));
      ptx::st_global_16(address(work, work.piece, panel, vector), bits);
    }
  }

  /// After the last put() of a piece: whether all pieces of the tile are there now.
  [[nodiscard]] __device__ __forceinline__ bool completes(const Work& work) const {
    std::uint32_t* const arrivals = arguments_.arrivals + work.number * kWarps + warp_;
    std::uint32_t before = 0;
    __syncwarp();  // this lane's arrival stands for what all lanes wrote
    if (lane_ == 0) {
      before = ptx::fetch_increment_acq_rel_gpu(arrivals);
    }
    const bool last =
        __shfl_sync(0xFFFFFFFFU, before, 0) == static_cast<std::uint32_t>(work.pieces - 1);
    if (last && lane_ == 0) {
      *arrivals = 0;  // for the next launch
    }
    __syncwarp();
    return last;
  }

  /// The panel's sums over all pieces.
  __device__ __forceinline__ void add(float (&sums)[kPanelSums], const Work& work,
                                      int panel) const {
#pragma unroll
    for (int i = 0; i < kPanelSums; ++i) {
      sums[i] = 0.0F;
    }
#pragma unroll
    for (int first = 0; first < kVectors; first += kGroup) {
#pragma unroll kPiecesInFlight
      for (int piece = 0; piece < work.pieces; ++piece) {
#pragma unroll
        for (int vector = first; vector < first + kGroup; ++vector) {
          const uint4 bits = ptx::ld_global_l2_16(address(work, piece, panel, vector));
          float part[kSumsOfVector];
          memcpy(part, &bits, sizeof(bits));
#pragma unroll
          for (int i = 0; i < kSumsOfVector; ++i) {
            sums[vector * kSumsOfVector + i] += part[i];
          }
        }
      }
    }
  }

 private:
  static constexpr int kSumsOfVector = kVectorBytes / static_cast<int>(sizeof(float));
  static constexpr int kVectors = kPanelSums / kSumsOfVector;
  static constexpr int kWarps = Tile.ctas * kEpilogueWarps;
  /// Loads in flight are of one piece or of several.
  static constexpr int kGroup = kVectors < kPieceLoads ? kVectors : kPieceLoads;
  static constexpr int kPiecesInFlight = kPieceLoads / kGroup;

  [[nodiscard]] __device__ __forceinline__ char* address(const Work& work, int piece, int panel,
                                                         int vector) const {
    const int panels = Tile.swapped ? arguments_.columns / kSwappedColumns : Tile.panels();
    const std::int64_t of_warp =
        static_cast<std::int64_t>(work.first_slot + piece) * kWarps + warp_;
    return arguments_.partials +
           (((of_warp * panels + panel) * kVectors + vector) * kWarpSize + lane_) * kVectorBytes;
  }

  const Sm100Arguments& arguments_;
  int warp_;
  int lane_;
};

}  // namespace rackproof::kernels::gemm::sm100

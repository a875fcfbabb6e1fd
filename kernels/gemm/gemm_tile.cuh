#pragma once
/// Parts that all GEMM kernels share: tile order, slices of K and the cp.async tile loader.

#include "kernels/common/swizzle.cuh"
#include "kernels/common/vector16.cuh"
#include "kernels/gemm/gemm_config.hpp"
#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/ptx/async_copy.cuh"

#include <cstdint>

namespace rackproof::kernels::gemm {

struct TileIndex {
  int m = 0;
  int n = 0;
};

/// Tiles in bands of `kBandRows` tile rows, column by column inside a band. The tiles that run at
/// the same time then form a block whose A rows and B rows are few and stay in L2.
inline constexpr int kBandRows = 8;

__device__ __forceinline__ TileIndex tile_of(int block, int tiles_m, int tiles_n) {
  const int tiles_per_band = kBandRows * tiles_n;
  const int band = block / tiles_per_band;
  const int inside = block - band * tiles_per_band;
  const int rows = min(kBandRows, tiles_m - band * kBandRows);
  return {.m = band * kBandRows + inside % rows, .n = inside / rows};
}

/// The share of the problem that one CTA computes.
struct CtaWork {
  TileIndex tile;
  int tile_number = 0;  ///< of `tiles`, for partial sums
  int tiles = 0;
  int slice = 0;
  int first_k_tile = 0;
  int end_k_tile = 0;
};

/// A kernel that takes one slice only has no code for several.
template <CtaTile Tile, bool SplitK>
__device__ __forceinline__ CtaWork cta_work(const KernelArguments& arguments) {
  const int tiles_m = (arguments.m + Tile.tile_m - 1) / Tile.tile_m;
  const int tiles_n = (arguments.n + Tile.tile_n - 1) / Tile.tile_n;
  const int k_tiles = (arguments.k + Tile.tile_k - 1) / Tile.tile_k;
  const int block = static_cast<int>(blockIdx.x);
  CtaWork work;
  work.tiles = tiles_m * tiles_n;
  if (!SplitK || arguments.slices == 1) {
    work.tile_number = block;
    work.end_k_tile = k_tiles;
  } else {
    work.slice = block / work.tiles;
    work.tile_number = block - work.slice * work.tiles;
    work.first_k_tile = work.slice * arguments.k_tiles_per_slice;
    work.end_k_tile = min(k_tiles, work.first_k_tile + arguments.k_tiles_per_slice);
  }
  work.tile = tile_of(work.tile_number, tiles_m, tiles_n);
  return work;
}

/// Copies a tile of `Rows` rows x `RowBytes` bytes of K into swizzled shared memory, 16 bytes a
/// thread and pass. Rows beyond the matrix and bytes beyond K are filled with zeros, unread.
/// `Offset(row, chunk)` is the byte offset of a 16-byte chunk.
template <int Rows, int RowBytes, int Threads,
          std::uint32_t (*Offset)(int, int) = swizzled_offset<RowBytes>>
class TileLoader {
 public:
  static constexpr int kChunks = RowBytes / kVectorBytes;
  static constexpr int kRowsPerPass = Threads / kChunks;
  static constexpr int kPasses = Rows / kRowsPerPass;
  static_assert(Threads % kChunks == 0 && Rows % kRowsPerPass == 0,
                "every pass moves whole rows and every thread takes part in every pass");
  static_assert(kRowsPerPass % 8 == 0, "the swizzle must be the same in every pass");

  /// `matrix` points at the first row of the tile, of which `rows` lie in the matrix.
  __device__ TileLoader(const void* matrix, std::int64_t row_stride_bytes, int rows, int thread)
      : chunk_byte_(thread % kChunks * kVectorBytes),
        rows_left_(rows - thread / kChunks),
        pass_stride_bytes_(row_stride_bytes * kRowsPerPass),
        source_(static_cast<const char*>(matrix) + thread / kChunks * row_stride_bytes +
                chunk_byte_),
        offset_(Offset(thread / kChunks, thread % kChunks)) {}

  /// Enqueues passes [First, Last) of the tile that starts `k_byte` bytes into the rows, of which
  /// `k_bytes` are valid from there on.
  template <int First, int Last>
  __device__ __forceinline__ void load(std::uint32_t tile, std::int64_t k_byte,
                                       std::int64_t k_bytes) const {
    const std::int64_t left = k_bytes - chunk_byte_;
    const auto valid = static_cast<std::uint32_t>(
        left < 0 ? 0 : (left < kVectorBytes ? static_cast<int>(left) : kVectorBytes));
#pragma unroll
    for (int pass = First; pass < Last; ++pass) {
      const bool row_exists = pass * kRowsPerPass < rows_left_;
      ptx::cp_async_16_zfill(tile + offset_ + pass * kRowsPerPass * RowBytes,
                             source_ + k_byte + pass * pass_stride_bytes_, row_exists ? valid : 0U);
    }
  }

 private:
  int chunk_byte_;
  int rows_left_;
  std::int64_t pass_stride_bytes_;
  const char* source_;
  std::uint32_t offset_;
};

}  // namespace rackproof::kernels::gemm

#pragma once
/// Parts that the tensor and the fp32 kernel share: tile order and the cp.async tile loader.

#include "kernels/common/swizzle.cuh"
#include "kernels/common/vector16.cuh"
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

/// Copies a tile of `Rows` rows x `RowBytes` bytes of K into swizzled shared memory, 16 bytes a
/// thread and pass. Rows beyond the matrix and bytes beyond K are filled with zeros, unread.
template <int Rows, int RowBytes, int Threads>
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
        offset_(swizzled_offset<RowBytes>(thread / kChunks, thread % kChunks)) {}

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

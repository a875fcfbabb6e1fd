#pragma once
/// How a warp of the decode kernel streams its keys and values out of the pages: a ring of its own,
/// so that warps never wait for one another in the loop.

#include "kernels/attention/decode/decode_arguments.hpp"
#include "kernels/attention/decode/decode_config.hpp"
#include "kernels/common/swizzle.cuh"
#include "kernels/common/vector16.cuh"
#include "kernels/ptx/async_copy.cuh"

#include <cstdint>

namespace rackproof::kernels::attention::decode {

/// Item 2t is K, item 2t + 1 is V of the t-th tile of this warp; its tiles are `warps` apart.
template <DecodeConfig kConfig>
struct PageRing {
  static constexpr int kChunksPerRow = kConfig.row_bytes() / kVectorBytes;
  static constexpr int kRowsPerPass = kWarpThreads / kChunksPerRow;
  static constexpr int kPasses = kConfig.key_tile / kRowsPerPass;
  static constexpr int kRowsPerPage = 16;  ///< that surely lie in one page
  static constexpr int kPagesPerTile = kConfig.key_tile / kRowsPerPage;
  static constexpr int kPassesPerPage = kRowsPerPage / kRowsPerPass;
  static constexpr std::uint32_t kStageBytes = kConfig.stage_bytes();

  std::uint32_t stages;  ///< shared address of the warp's ring
  const char* k;         ///< of the caches: key/value head and this lane's 16 bytes of a row
  const char* v;
  const std::int32_t* page_table;  ///< of the sequence
  std::int32_t page_size;
  std::int32_t page_bytes;
  std::int32_t row_stride_bytes;
  int end;       ///< keys of this split end here
  int next_key;  ///< first key of the next tile to copy
  int lane;
  bool values_next = false;
  std::uint32_t next_stage = 0;
  std::int32_t pages[kPagesPerTile];  ///< of the next tile: looked up one tile ahead

  __device__ __forceinline__ void look_up_pages() {
#pragma unroll
    for (int i = 0; i < kPagesPerTile; ++i) {
      const int key = next_key + i * kRowsPerPage;
      pages[i] = key < end ? page_table[key / page_size] : 0;
    }
  }

  /// Starts one copy and closes its group; past the end the group is empty, so that the count of
  /// groups in flight stays the same. Keys past the end become zero.
  __device__ __forceinline__ void prefetch() {
    if (next_key < end) {
      copy_tile(values_next ? v : k);
      advance(next_stage);
      if (values_next) {
        next_key += kConfig.key_tile * kConfig.warps;
        look_up_pages();
      }
      values_next = !values_next;
    }
    ptx::cp_async_commit();
  }

  __device__ __forceinline__ static void advance(std::uint32_t& stage) {
    stage = stage == kStageBytes * (kConfig.stages - 1) ? 0 : stage + kStageBytes;
  }

  /// Waits for the oldest item, then refills the stage that all lanes have finished reading.
  __device__ __forceinline__ void acquire_and_refill() {
    ptx::cp_async_wait<kConfig.stages - 2>();
    __syncwarp();
    prefetch();
  }

 private:
  __device__ __forceinline__ void copy_tile(const char* cache) {
    const int row_in_pass = lane / kChunksPerRow;
    const int chunk = lane % kChunksPerRow;
    // Passes start at multiples of kRowsPerPass, so that the swizzle of a pass is an XOR of the
    // lane's address in the first one.
    const std::uint32_t first =
        stages + next_stage + swizzled_offset<kConfig.row_bytes()>(row_in_pass, chunk);
#pragma unroll
    for (int page = 0; page < kPagesPerTile; ++page) {
      const int first_key = next_key + page * kRowsPerPage;
      const char* const rows = cache + static_cast<std::int64_t>(pages[page]) * page_bytes +
                               static_cast<std::int64_t>(first_key % page_size) * row_stride_bytes;
#pragma unroll
      for (int p = 0; p < kPassesPerPage; ++p) {
        constexpr auto kPassBytes = static_cast<std::uint32_t>(kRowsPerPass * kConfig.row_bytes());
        const int pass = page * kPassesPerPage + p;
        const int row = p * kRowsPerPass + row_in_pass;
        const bool inside = first_key + row < end;
        ptx::cp_async_16_zfill(
            (first ^ static_cast<std::uint32_t>(pass * kRowsPerPass % 8 * kVectorBytes)) +
                static_cast<std::uint32_t>(pass) * kPassBytes,
            rows + (inside ? row : 0) * row_stride_bytes, inside ? kVectorBytes : 0);
      }
    }
  }
};

}  // namespace rackproof::kernels::attention::decode

#pragma once
/// Tile shape and budgets of the portable decode kernel, as arithmetic with named terms.

#include "kernels/attention/decode/decode_schedule.hpp"
#include "kernels/attention/sm80_config.hpp"

#include <cuda_runtime_api.h>

namespace rackproof::kernels::attention::decode {

struct DecodeConfig {
  int head_dim = 0;
  int key_tile = 0;  ///< keys of one step of one warp
  int warps = 0;     ///< each walks its own tiles, with a ring of its own
  int stages = 0;    ///< of a warp's ring: K0, V0, K1, V1, ...
  int min_blocks_per_sm = 0;

  /// The arithmetic is the forward kernel's: 16 rows a warp, Q in registers.
  [[nodiscard]] __host__ __device__ constexpr Sm80Config tile() const {
    return {.head_dim = head_dim,
            .query_tile = 16 * warps,
            .key_tile = key_tile,
            .warps = warps,
            .stages = stages,
            .min_blocks_per_sm = min_blocks_per_sm,
            .query_in_registers = true};
  }
  [[nodiscard]] __host__ __device__ constexpr int threads() const { return warps * kWarpThreads; }
  [[nodiscard]] __host__ __device__ constexpr int row_bytes() const {
    return head_dim * kElementBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int query_bytes() const { return 16 * row_bytes(); }
  [[nodiscard]] __host__ __device__ constexpr int stage_bytes() const {
    return key_tile * row_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int ring_bytes() const {
    return stages * stage_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int shared_bytes() const {
    return query_bytes() + warps * ring_bytes();
  }
  /// Rows of the warps' fp32 results are this far apart when they are added up: 32 bytes more than
  /// the row, so that the 4 rows of a half warp's 8-byte stores fall into different banks.
  [[nodiscard]] __host__ __device__ constexpr int merge_row_bytes() const {
    return head_dim * static_cast<int>(sizeof(float)) + 32;
  }
  /// Results of all warps, then (maximum, sum) of each of their rows.
  [[nodiscard]] __host__ __device__ constexpr int merge_bytes() const {
    return warps * 16 * (merge_row_bytes() + 2 * static_cast<int>(sizeof(float)));
  }
  /// Bytes that the CTAs of one SM keep in flight: by Little's law they must cover latency times
  /// bandwidth, 53 KB for 8 TB/s over 152 SMs at 1 us.
  [[nodiscard]] __host__ __device__ constexpr int bytes_in_flight() const {
    return min_blocks_per_sm * warps * (stages - 1) * stage_bytes();
  }
};

template <DecodeConfig kConfig>
consteval bool is_valid() {
  static_assert(kConfig.head_dim % 64 == 0, "the swizzle needs rows of whole 128-byte bank lines");
  static_assert(kConfig.key_tile % 16 == 0, "P times V consumes 16 keys an instruction");
  static_assert(kSplitGranularity % (kConfig.key_tile * kConfig.warps) == 0,
                "a split is a whole number of steps of all warps");
  static_assert(kConfig.stages >= 3,
                "K of the next step must be in flight while V of this one is read");
  static_assert(kConfig.merge_bytes() <= kConfig.warps * kConfig.ring_bytes(),
                "the warps' results are added up in the memory of their rings");
  static_assert(kConfig.tile().register_budget() * kConfig.threads() * kConfig.min_blocks_per_sm <=
                    kRegistersPerSm,
                "the register file does not hold min_blocks_per_sm CTAs");
  static_assert(kConfig.min_blocks_per_sm * (kConfig.shared_bytes() + kReservedSharedBytes) <=
                    kSm80SharedBytes,
                "shared memory of an sm_80 SM does not hold min_blocks_per_sm CTAs");
  static_assert(kConfig.bytes_in_flight() >= 53 * 1024,
                "too few bytes in flight for the bandwidth of a GB300");
  return true;
}

/// Both keep 4 KB tiles: 8 passes of 32 lanes x 16 bytes.
inline constexpr DecodeConfig kHeadDim64{
    .head_dim = 64, .key_tile = 32, .warps = 4, .stages = 4, .min_blocks_per_sm = 2};
inline constexpr DecodeConfig kHeadDim128{
    .head_dim = 128, .key_tile = 16, .warps = 4, .stages = 4, .min_blocks_per_sm = 2};
static_assert(is_valid<kHeadDim64>());
static_assert(is_valid<kHeadDim128>());

[[nodiscard]] constexpr const DecodeConfig& decode_config(std::int64_t head_dim) {
  return head_dim == 64 ? kHeadDim64 : kHeadDim128;
}

}  // namespace rackproof::kernels::attention::decode

#pragma once
/// What every attention kernel is launched with; host launch functions of the kernels.

#include "kernels/attention/attention.hpp"
#include "kernels/attention/tile_order.hpp"

#include <cuda_runtime_api.h>

#include <vector>

namespace rackproof::kernels::attention {

/// Keys that the rows of one sequence see, in 32 bits for the device: row i sees keys
/// i + begin_offset, ..., i + end_offset - 1, as far as they exist (attention.hpp, "Masks").
struct SequenceMask {
  std::int32_t kv_len = 0;
  std::int32_t begin_offset = 0;
  std::int32_t end_offset = 0;

  __host__ __device__ constexpr std::int32_t begin(std::int32_t row) const {
    const std::int32_t first = row + begin_offset;
    return first < 0 ? 0 : first;
  }
  __host__ __device__ constexpr std::int32_t end(std::int32_t row) const {
    const std::int32_t visible = row + end_offset;
    return visible < 0 ? 0 : (visible > kv_len ? kv_len : visible);
  }
  /// The same mask with key `key` as the first one; earlier keys must be invisible or unused.
  [[nodiscard]] __host__ __device__ constexpr SequenceMask from_key(std::int32_t key) const {
    return {
        .kv_len = kv_len - key, .begin_offset = begin_offset - key, .end_offset = end_offset - key};
  }
};

/// One CTA's share of a packed or windowed batch, for every query head.
struct PackedTile {
  std::int32_t sequence = 0;
  std::int32_t query_tile = 0;
};

/// Device pointers and shape. Strides are in elements; every row is 16-byte aligned.
struct AttentionArguments {
  /// Window sides without a limit: longer than any sequence (2^29 at most), and no sum of it with
  /// a row and a length leaves 32 bits.
  static constexpr std::int32_t kUnlimitedWindow = 1 << 29;

  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  void* o = nullptr;
  float* lse = nullptr;
  Strides q_strides;   ///< of O too
  Strides kv_strides;  ///< of K and V
  std::int32_t q_heads = 1;
  std::int32_t q_heads_per_kv_head = 1;
  std::int32_t q_len = 1;   ///< of every sequence, unless packed
  std::int32_t kv_len = 1;  ///< of every sequence, unless packed
  float scale = 1;          ///< of the scores, > 0
  bool causal = false;

  // Packed and windowed batches only.
  std::int32_t window_left = kUnlimitedWindow;
  std::int32_t window_right = kUnlimitedWindow;  ///< 0 under a causal mask
  std::int64_t lse_batch_stride = 0;
  std::int64_t lse_head_stride = 0;
  const std::int32_t* cu_seqlens_q = nullptr;   ///< batch + 1 first rows; nullptr unless packed
  const std::int32_t* cu_seqlens_kv = nullptr;  ///< likewise
  const PackedTile* tiles = nullptr;            ///< longest first
  std::uint32_t tile_count = 0;

  /// Keys that query row `row` sees where nothing is packed or windowed: the first that many.
  __host__ __device__ constexpr std::int32_t visible_keys(std::int32_t row) const {
    if (!causal) {
      return kv_len;
    }
    const std::int32_t visible = row + 1 + kv_len - q_len;
    return visible < 0 ? 0 : (visible > kv_len ? kv_len : visible);
  }

  /// The mask of a sequence of these lengths.
  [[nodiscard]] __host__ __device__ constexpr SequenceMask mask(
      std::int32_t sequence_q_len, std::int32_t sequence_kv_len) const {
    const std::int32_t diagonal = sequence_kv_len - sequence_q_len;
    return {.kv_len = sequence_kv_len,
            .begin_offset = diagonal - window_left,
            .end_offset = diagonal + window_right + 1};
  }
};

/// Fills everything but the pointers and the number of tiles.
[[nodiscard]] AttentionArguments make_arguments(const AttentionProblem& problem);

/// Tiles of `query_tile` rows of all sequences that have any, those that visit most keys first.
[[nodiscard]] std::vector<PackedTile> packed_tiles(const AttentionProblem& problem,
                                                   std::int64_t query_tile);

// The portable kernel: attention_sm80.cu; packed and windowed batches: attention_packed_sm80.cu.

/// Asks for its shared memory on the current device; launches need it once before.
void enable_sm80(const AttentionProblem& problem);
void launch_sm80(const AttentionProblem& problem, const AttentionArguments& arguments,
                 const TileOrder& order, cudaStream_t stream);
[[nodiscard]] KernelResources sm80_resources(const AttentionProblem& problem);

/// What launch_sm80 and its companions do for packed and windowed batches.
void enable_packed_sm80(const AttentionProblem& problem);
void launch_packed_sm80(const AttentionProblem& problem, const AttentionArguments& arguments,
                        cudaStream_t stream);
[[nodiscard]] KernelResources packed_sm80_resources(const AttentionProblem& problem);

/// CTAs of it that one SM of the current device holds, as the runtime counts
/// them; after enable_sm80().
[[nodiscard]] int sm80_occupancy(const AttentionProblem& problem);

}  // namespace rackproof::kernels::attention

#pragma once
/// The loop of the portable forward kernel for one tile of query rows.

#include "kernels/attention/sm80_memory.cuh"
#include "kernels/attention/sm80_tile.cuh"
#include "kernels/ptx/address.cuh"

namespace rackproof::kernels::attention {

/// Which keys a plain problem shows to its rows: a prefix. Everything is read from the kernel's
/// arguments where it is needed; registers are scarce.
struct PrefixView {
  static constexpr bool kHasBegin = false;
  const AttentionArguments& arguments;
  [[nodiscard]] __device__ int q_len() const { return arguments.q_len; }
  [[nodiscard]] __device__ int kv_len() const { return arguments.kv_len; }
  [[nodiscard]] __device__ int begin(int) const { return 0; }
  [[nodiscard]] __device__ int end(int row) const { return arguments.visible_keys(row); }
};

/// A window of the keys of one sequence of a packed batch.
struct WindowView {
  static constexpr bool kHasBegin = true;
  int rows;
  SequenceMask mask;
  [[nodiscard]] __device__ int q_len() const { return rows; }
  [[nodiscard]] __device__ int kv_len() const { return mask.kv_len; }
  [[nodiscard]] __device__ int begin(int row) const { return mask.begin(row); }
  [[nodiscard]] __device__ int end(int row) const { return mask.end(row); }
};

/// First rows of one sequence and head.
struct ForwardPointers {
  const char* q;
  const char* k;  ///< of key 0 of the view
  const char* v;
  char* o;
  float* lse;
};

/// Rows [first_row, first_row + query_tile) of one sequence and head; `shared`: the CTA's
/// kConfig.shared_bytes(). Keys that the first row or a later one may see start at key 0 of the
/// view: earlier tiles were cut off by the caller, tiles beyond those of the last row are skipped
/// here, and tiles within every row's keys need no mask.
template <Sm80Config kConfig, typename T, typename View>
__device__ __forceinline__ void forward_tile(const AttentionArguments& arguments, const View& view,
                                             const ForwardPointers& pointers, int first_row,
                                             std::uint32_t shared) {
  using Shape = Sm80Shape<kConfig>;
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
  const int last_row = min(first_row + kConfig.query_tile, view.q_len()) - 1;
  const int unmasked_begin = view.begin(last_row);
  const int unmasked_end = view.end(first_row);
  const int tiles = (view.end(last_row) + kConfig.key_tile - 1) / kConfig.key_tile;

  KeyValueRing<kConfig> ring{
      .stages = shared + Shape::kQueryBytes,
      .k = pointers.k,
      .v = pointers.v,
      .row_stride_bytes = static_cast<std::int32_t>(arguments.kv_strides.row) * kElementBytes,
      .kv_len = view.kv_len(),
      .tiles = tiles,
  };
  if (tiles > 0) {
    copy_rows_async<kConfig, kConfig.query_tile>(
        shared, pointers.q, static_cast<std::int32_t>(arguments.q_strides.row) * kElementBytes,
        first_row, view.q_len());
  }
#pragma unroll
  for (int stage = 0; stage < kConfig.stages - 1; ++stage) {
    ring.prefetch();  // Q belongs to the first group
  }

  const LaneOffsets<kConfig> offsets(lane);
  const std::uint32_t warp_rows =
      shared + static_cast<std::uint32_t>(warp * Shape::kWarpRows * Shape::kRowBytes);
  const int warp_first_row = first_row + warp * Shape::kWarpRows;
  const float scale_log2 = arguments.scale * 1.44269504088896341F;
  QueryFragments<kConfig> query;
  WarpState<kConfig> state;
  std::uint32_t stage = 0;
  for (int step = 0; step < tiles; ++step) {
    ring.acquire_and_refill();
    if (step == 0) {
      query.load(warp_rows, offsets);
    }
    Scores<kConfig> scores;
    multiply_query_keys<kConfig, T>(scores, query, warp_rows, ring.stages + stage, offsets);
    KeyValueRing<kConfig>::advance(stage);
    const int first_key = (tiles - 1 - step) * kConfig.key_tile;
    if (first_key + kConfig.key_tile > unmasked_end ||
        (View::kHasBegin && first_key < unmasked_begin)) {
      mask_scores<kConfig>(scores, view, warp_first_row + lane / 4, first_key, lane);
    }
    Probabilities<kConfig> probabilities;
    online_softmax<kConfig, T>(probabilities, scores, state, scale_log2);
    ring.acquire_and_refill();
    multiply_probabilities_values<kConfig, T>(state.output, probabilities, ring.stages + stage,
                                              offsets);
    KeyValueRing<kConfig>::advance(stage);
  }
  store_output<kConfig, T>(state, pointers.o, arguments.q_strides.row, pointers.lse, view.q_len(),
                           warp_rows, warp_first_row, lane);
}

}  // namespace rackproof::kernels::attention

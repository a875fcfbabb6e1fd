#pragma once
/// What the decode kernels are launched with, and their host launch functions.

#include "kernels/attention/decode/decode.hpp"
#include "kernels/attention/decode/decode_schedule.hpp"

#include <cuda_runtime_api.h>

namespace rackproof::kernels::attention::decode {

/// What a split knows of the softmax of one query row: the largest score times log2(e), and the sum
/// of 2^(score * log2(e) - maximum).
struct alignas(8) SplitStatistics {
  float maximum = 0;
  float sum = 0;
};

struct DecodeArguments {
  const void* q = nullptr;
  const void* k_cache = nullptr;
  const void* v_cache = nullptr;
  void* o = nullptr;
  float* lse = nullptr;
  float* partial_o = nullptr;                     ///< [partial][q_head][head_dim], not normalised
  SplitStatistics* partial_statistics = nullptr;  ///< [partial][q_head]
  const std::int32_t* kv_lens = nullptr;
  const std::int32_t* page_table = nullptr;  ///< [sequence][max_pages]
  const DecodeItem* items = nullptr;
  const CombineItem* combines = nullptr;
  std::int32_t item_count = 0;
  std::int32_t combine_count = 0;
  std::int32_t max_pages = 0;
  std::int32_t page_size = 0;
  std::int32_t split_keys = 0;
  std::int32_t q_heads = 1;
  std::int32_t kv_heads = 1;
  std::int32_t group = 1;        ///< query heads of a key/value head
  std::int32_t group_tiles = 1;  ///< CTAs that share the group, 16 heads each
  float scale = 1;
};

/// Query heads of a group that one CTA takes: the 16 rows of an m16n8k16 tile.
inline constexpr std::int64_t kHeadsPerTile = 16;
[[nodiscard]] constexpr std::int64_t group_tiles(std::int64_t q_heads, std::int64_t kv_heads) {
  return (q_heads / kv_heads + kHeadsPerTile - 1) / kHeadsPerTile;
}

// The portable kernels: decode_sm80.cu and, for the partial results, decode_combine_sm80.cu.

void enable_decode_sm80(const DecodeProblem& problem);
void launch_decode_sm80(const DecodeProblem& problem, const DecodeArguments& arguments,
                        cudaStream_t stream);
void launch_combine_sm80(const DecodeProblem& problem, const DecodeArguments& arguments,
                         cudaStream_t stream);
[[nodiscard]] KernelResources decode_sm80_resources(const DecodeProblem& problem,
                                                    std::int64_t items);
/// CTAs of the decode kernel that the current device holds at once; after enable_decode_sm80().
[[nodiscard]] std::int64_t decode_sm80_resident(const DecodeProblem& problem);

}  // namespace rackproof::kernels::attention::decode

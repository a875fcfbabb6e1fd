#pragma once
/// What every attention kernel is launched with; host launch functions of the kernels.

#include "kernels/attention/attention.hpp"
#include "kernels/attention/tile_order.hpp"

#include <cuda_runtime_api.h>

namespace rackproof::kernels::attention {

/// Device pointers and shape. Strides are in elements; every row is 16-byte aligned.
struct AttentionArguments {
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  void* o = nullptr;
  float* lse = nullptr;
  Strides q_strides;   ///< of O too
  Strides kv_strides;  ///< of K and V
  std::int32_t q_heads = 1;
  std::int32_t q_heads_per_kv_head = 1;
  std::int32_t q_len = 1;
  std::int32_t kv_len = 1;
  float scale = 1;  ///< of the scores, > 0
  bool causal = false;

  /// Keys that query row `row` sees: the first that many (see attention.hpp, "Masks").
  __host__ __device__ constexpr std::int32_t visible_keys(std::int32_t row) const {
    if (!causal) {
      return kv_len;
    }
    const std::int32_t visible = row + 1 + kv_len - q_len;
    return visible < 0 ? 0 : (visible > kv_len ? kv_len : visible);
  }
};

/// Fills everything but the pointers.
[[nodiscard]] AttentionArguments make_arguments(const AttentionProblem& problem);

// The portable kernel (attention_sm80.cu).

/// Asks for its shared memory on the current device; launches need it once before.
void enable_sm80(const AttentionProblem& problem);
void launch_sm80(const AttentionProblem& problem, const AttentionArguments& arguments,
                 const TileOrder& order, cudaStream_t stream);
[[nodiscard]] KernelResources sm80_resources(const AttentionProblem& problem);
/// CTAs of it that one SM of the current device holds, as the runtime counts
/// them; after enable_sm80().
[[nodiscard]] int sm80_occupancy(const AttentionProblem& problem);

}  // namespace rackproof::kernels::attention

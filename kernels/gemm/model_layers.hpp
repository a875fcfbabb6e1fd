#pragma once
/// GEMMs of named language models, sharded over the GPUs of a job.

#include "kernels/gemm/gemm.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::kernels::gemm {

/// Dimensions of a dense transformer decoder with grouped-query attention.
struct ModelDimensions {
  std::string_view name;
  std::int64_t hidden = 0;
  std::int64_t feed_forward = 0;
  std::int64_t query_heads = 0;
  std::int64_t key_value_heads = 0;
  std::int64_t head_dimension = 0;
};

struct LayerShape {
  GemmShape shape;
  std::string reason;  ///< which layer, how it is sharded, what was rounded and why
};

/// Names of the known models and of the layers: "qkv", "attn_out", "ffn_up", "ffn_down".
[[nodiscard]] std::vector<std::string_view> model_names();

/// The GEMM that one of `shards` GPUs computes for `tokens` tokens under Megatron tensor
/// parallelism (Shoeybi et al., arXiv 1909.08053): qkv and ffn_up are split by output columns,
/// attn_out and ffn_down by K. M is the tokens, N the outputs, K the inputs of the layer. Throws
/// ParamError naming "model" or "layer" if it is unknown, "tokens" or "shards" if below 1.
[[nodiscard]] LayerShape model_layer(std::string_view model, std::string_view layer,
                                     std::int64_t tokens, std::int64_t shards);

}  // namespace rackproof::kernels::gemm

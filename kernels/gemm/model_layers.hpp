#pragma once
/// GEMMs of named language models, sharded over the GPUs of a job.

#include "kernels/gemm/gemm.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace rackproof::kernels::gemm {

struct LayerShape {
  GemmShape shape;
  std::string reason;  ///< which layer, how it is sharded, what was rounded and why
};

/// The GEMM that one of `shards` GPUs computes for `tokens` tokens under Megatron tensor
/// parallelism (Shoeybi et al., arXiv 1909.08053): qkv and ffn_up are split by output columns,
/// attn_out and ffn_down by K. M is the tokens, N the outputs, K the inputs of the layer. Throws
/// ParamError naming "model" (kernels/common/models.hpp) or "layer" ("qkv", "attn_out", "ffn_up",
/// "ffn_down") if it is unknown or the model has none, "tokens" or "shards" if below 1.
[[nodiscard]] LayerShape model_layer(std::string_view model, std::string_view layer,
                                     std::int64_t tokens, std::int64_t shards);

}  // namespace rackproof::kernels::gemm

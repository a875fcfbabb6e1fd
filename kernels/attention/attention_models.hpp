#pragma once
/// Attention of named language models, sharded over the GPUs of a job.

#include "kernels/params.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace rackproof::kernels::attention {

/// Heads of a decoder layer with grouped-query attention.
struct AttentionModel {
  std::string_view name;
  std::int64_t q_heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
};

/// Of kernels/common/models.hpp. Throws ParamError naming "model" and listing the known ones.
[[nodiscard]] AttentionModel find_model(std::string_view name);

/// The heads that one GPU computes under tensor parallelism.
struct HeadShard {
  std::int64_t q_heads = 0;
  std::int64_t kv_heads = 0;
  std::string reason;  ///< how the heads were divided, and what was rounded
};

/// Query heads of the GPU that has the most, and the key/value heads they read. Heads that do not
/// divide are rounded up, since the fullest GPU sets the time of the layer; key/value heads that
/// are fewer than the GPUs are replicated, as tensor-parallel frameworks do (Megatron-LM, vLLM).
/// Throws ParamError naming "shards" if it is below 1.
[[nodiscard]] HeadShard shard_heads(const AttentionModel& model, std::int64_t shards);

}  // namespace rackproof::kernels::attention

#include "kernels/attention/attention_models.hpp"

#include "kernels/common/models.hpp"

#include <algorithm>

namespace rackproof::kernels::attention {
namespace {

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

std::string count(std::int64_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

}  // namespace

AttentionModel find_model(std::string_view name) {
  const ModelDimensions& model = model_dimensions(name);
  return {.name = model.name,
          .q_heads = model.query_heads,
          .kv_heads = model.key_value_heads,
          .head_dim = model.head_dimension};
}

HeadShard shard_heads(const AttentionModel& model, std::int64_t shards) {
  if (shards < 1) {
    throw ParamError("shards", "must be at least 1, found " + std::to_string(shards));
  }
  const std::int64_t group = model.q_heads / model.kv_heads;
  const std::int64_t even_share = divide_up(model.q_heads, shards);
  HeadShard shard;
  shard.kv_heads = divide_up(even_share, group);
  // More than one key/value head: whole groups, since every head of a problem has as many queries.
  shard.q_heads = shard.kv_heads == 1 ? even_share : shard.kv_heads * group;

  shard.reason = count(model.q_heads, "query head") + " over " + count(shards, "GPU");
  if (shard.q_heads * shards == model.q_heads) {
    shard.reason += ": " + std::to_string(shard.q_heads) + " each";
  } else {
    const std::int64_t busy = divide_up(model.q_heads, shard.q_heads);
    shard.reason += " do not divide: " + std::to_string(shard.q_heads) + " on the fullest, " +
                    count(shards - std::min(shards, busy), "GPU") +
                    " of the model without any; "
                    "every GPU runs the fullest share";
  }
  shard.reason += ", reading " + count(shard.kv_heads, "key-value head");
  if (shards > model.kv_heads) {
    shard.reason += " (" + std::to_string(model.kv_heads) + " in the model, replicated)";
  }
  return shard;
}

}  // namespace rackproof::kernels::attention

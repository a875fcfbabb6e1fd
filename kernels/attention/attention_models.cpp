#include "kernels/attention/attention_models.hpp"

#include <algorithm>
#include <array>

namespace rackproof::kernels::attention {
namespace {

/// Llama 3.1: "The Llama 3 Herd of Models", arXiv 2407.21783, table 3 (model dimension / heads).
/// gpt-oss: "gpt-oss-120b & gpt-oss-20b Model Card", arXiv 2508.10925, section 2.2 (64 query heads
/// of dimension 64, 8 key-value heads).
constexpr std::array kModels{
    AttentionModel{.name = "llama-3.1-8b", .q_heads = 32, .kv_heads = 8, .head_dim = 128},
    AttentionModel{.name = "llama-3.1-70b", .q_heads = 64, .kv_heads = 8, .head_dim = 128},
    AttentionModel{.name = "llama-3.1-405b", .q_heads = 128, .kv_heads = 8, .head_dim = 128},
    AttentionModel{.name = "gpt-oss-120b", .q_heads = 64, .kv_heads = 8, .head_dim = 64},
};

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

std::string count(std::int64_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

}  // namespace

const AttentionModel& find_model(std::string_view name) {
  const auto* const found = std::find_if(kModels.begin(), kModels.end(),
                                         [&](const auto& model) { return model.name == name; });
  if (found == kModels.end()) {
    std::string known;
    for (const AttentionModel& model : kModels) {
      known += (known.empty() ? "" : ", ") + std::string(model.name);
    }
    throw ParamError("model", "unknown model '" + std::string(name) + "'; known: " + known);
  }
  return *found;
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

#include "kernels/gemm/model_layers.hpp"

#include "kernels/common/models.hpp"

#include <algorithm>
#include <array>

namespace rackproof::kernels::gemm {
namespace {

constexpr std::array<std::string_view, 4> kLayers{"qkv", "attn_out", "ffn_up", "ffn_down"};

/// 16 bytes of a 16-bit type: rows of a shard keep the alignment of the whole matrix.
constexpr std::int64_t kFeatureMultiple = 8;

template <typename Range, typename Project>
std::string join(const Range& range, Project project) {
  std::string text;
  for (const auto& item : range) {
    text += (text.empty() ? "" : ", ") + std::string(project(item));
  }
  return text;
}

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

/// Parts of a dimension, with a note when they are larger than an even split.
struct Split {
  std::int64_t part = 0;
  std::string note;
};

Split split(std::string_view what, std::int64_t total, std::int64_t shards, std::int64_t multiple) {
  const std::int64_t part = divide_up(divide_up(total, shards), multiple) * multiple;
  Split result{.part = part, .note = {}};
  if (part * shards != total) {
    result.note = "; " + std::to_string(total) + " " + std::string(what) + " do not divide by " +
                  std::to_string(shards) + ", rounded up to " + std::to_string(part) + " each";
    if (multiple > 1) {
      result.note += " (a multiple of " + std::to_string(multiple) + ", 16-byte rows)";
    }
  }
  return result;
}

}  // namespace

LayerShape model_layer(std::string_view model_name, std::string_view layer, std::int64_t tokens,
                       std::int64_t shards) {
  const ModelDimensions& model = model_dimensions(model_name);
  if (tokens < 1) {
    throw ParamError("tokens", "must be at least 1, found " + std::to_string(tokens));
  }
  if (shards < 1) {
    throw ParamError("shards", "must be at least 1, found " + std::to_string(shards));
  }
  if (model.feed_forward == 0 && layer.starts_with("ffn")) {
    throw ParamError("layer", std::string(model_name) + " has experts and no dense feed-forward " +
                                  "layer; known for it: qkv, attn_out");
  }

  GemmShape shape{.m = tokens, .n = model.hidden, .k = model.hidden};
  std::string note;
  const auto split_query_heads = [&] {
    const Split heads = split("query heads", model.query_heads, shards, 1);
    note += heads.note;
    return heads.part;
  };
  const auto split_feed_forward = [&] {
    const Split features =
        split("feed-forward features", model.feed_forward, shards, kFeatureMultiple);
    note += features.note;
    return features.part;
  };
  if (layer == "qkv") {
    const Split key_value = split("key-value heads", model.key_value_heads, shards, 1);
    shape.n = (split_query_heads() + 2 * key_value.part) * model.head_dimension;
    note += key_value.note;
  } else if (layer == "attn_out") {
    shape.k = split_query_heads() * model.head_dimension;
  } else if (layer == "ffn_up") {
    shape.n = 2 * split_feed_forward();
    note += "; gate and up projection in one GEMM";
  } else if (layer == "ffn_down") {
    shape.k = split_feed_forward();
  } else {
    throw ParamError("layer", "unknown layer '" + std::string(layer) + "'; known: " +
                                  join(kLayers, [](std::string_view name) { return name; }));
  }
  return {.shape = shape,
          .reason = std::string(layer) + " of " + std::string(model_name) + " for " +
                    std::to_string(tokens) + (tokens == 1 ? " token, 1 of " : " tokens, 1 of ") +
                    std::to_string(shards) + (shards == 1 ? " shard" : " shards") + note};
}

}  // namespace rackproof::kernels::gemm

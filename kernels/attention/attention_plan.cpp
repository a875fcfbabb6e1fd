#include "kernels/attention/attention_plan.hpp"

#include "kernels/attention/attention_models.hpp"
#include "kernels/attention/implementations.hpp"
#include "kernels/attention/sm80_config.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

namespace rackproof::kernels::attention {
namespace {

/// What every request may list: the plan holds all combinations.
struct Lists {
  std::vector<ElementType> types;
  std::vector<Mask> masks;
  Layout layout = Layout::bshd;
  double scale = 0;
  std::int64_t window_left = kUnlimited;
  std::int64_t window_right = kUnlimited;
};

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

Mask mask_from(const std::string& name) {
  for (const Mask mask : {Mask::full, Mask::causal}) {
    if (name == to_string(mask)) {
      return mask;
    }
  }
  throw ParamError("mask", "unknown mask '" + name + "'; known: full, causal");
}

Layout layout_from(const std::string& name) {
  for (const Layout layout : {Layout::bshd, Layout::bhsd}) {
    if (name == to_string(layout)) {
      return layout;
    }
  }
  throw ParamError("layout", "unknown layout '" + name + "'; known: bshd, bhsd");
}

Lists read_lists(ParamReader& request) {
  Lists lists;
  for (const std::string& type : request.texts_or("type", {"bf16"})) {
    lists.types.push_back(element_type_from("type", type));
  }
  for (const std::string& mask : request.texts_or("mask", {"full"})) {
    lists.masks.push_back(mask_from(mask));
  }
  lists.layout = layout_from(request.text_or("layout", "bshd"));
  lists.scale = request.number_or("scale", 0);
  if (request.has("scale") && lists.scale <= 0) {
    throw ParamError("scale", "must be positive and finite");
  }
  lists.window_left = request.integer_or("window_left", kUnlimited);
  lists.window_right = request.integer_or("window_right", kUnlimited);
  return lists;
}

void append(std::vector<PlannedProblem>& plan, const Lists& lists, AttentionShape shape,
            const std::string& reason) {
  shape.layout = lists.layout;
  shape.scale = lists.scale;
  shape.window_left = lists.window_left;
  shape.window_right = lists.window_right;
  for (const ElementType type : lists.types) {
    for (const Mask mask : lists.masks) {
      shape.type = type;
      shape.mask = mask;
      plan.push_back({std::make_shared<AttentionProblem>(shape), reason});
    }
  }
}

std::vector<PlannedProblem> plan_explicit(ParamReader& request, const Lists& lists) {
  const std::int64_t heads = request.integer("heads");
  const std::int64_t kv_heads = request.integer_or("kv_heads", heads);
  const std::int64_t batch = request.integer_or("batch", 1);
  std::vector<PlannedProblem> plan;
  for (const std::int64_t head_dim : request.integers_or("head_dim", {128})) {
    for (const std::int64_t seq : request.integers_or("seq", {4096})) {
      append(plan, lists,
             {.batch = batch,
              .q_heads = heads,
              .kv_heads = kv_heads,
              .q_len = seq,
              .kv_len = request.integer_or("kv_seq", seq),
              .head_dim = head_dim},
             "as the suite says");
    }
  }
  return plan;
}

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g %%", share * 100);
  return text.data();
}

std::vector<PlannedProblem> plan_full_waves(ParamReader& request, const SizingContext& context,
                                            const Lists& lists) {
  const std::int64_t waves = request.integer_or("waves", 1);
  if (waves < 1) {
    throw ParamError("waves", "must be at least 1, found " + std::to_string(waves));
  }
  const Implementation* kernel = first_implementation(context.cc);
  if (kernel == nullptr) {
    kernel = &implementations().back();  // the plan says what cannot run, by the same sizes
  }
  std::vector<PlannedProblem> plan;
  for (const std::int64_t head_dim : request.integers_or("head_dim", {128})) {
    const CtaGeometry geometry =
        kernel->geometry(head_dim, context.shared_memory_per_block_bytes + kReservedSharedBytes);
    for (const std::int64_t seq : request.integers_or("seq", {8192})) {
      if (seq < 1) {
        throw ParamError("seq", "must be at least 1, found " + std::to_string(seq));
      }
      const std::int64_t tiles = divide_up(seq, geometry.query_tile);
      const WaveFill fill =
          fill_waves(tiles, geometry.blocks_per_sm, context.multiprocessors, waves);
      const std::int64_t taken = divide_up(fill.blocks, fill.resident);
      append(plan, lists,
             {.batch = 1,
              .q_heads = fill.heads,
              .kv_heads = fill.heads,
              .q_len = seq,
              .kv_len = seq,
              .head_dim = head_dim},
             std::to_string(fill.heads) + " heads x " + std::to_string(tiles) + " tiles of " +
                 std::to_string(geometry.query_tile) + " queries = " + std::to_string(fill.blocks) +
                 " CTAs: " + std::to_string(taken) + (taken == 1 ? " wave" : " waves") + " of " +
                 std::to_string(fill.resident) + " (" + std::to_string(context.multiprocessors) +
                 " SMs x " + std::to_string(geometry.blocks_per_sm) + "), " + percent(fill.fill) +
                 " full");
    }
  }
  return plan;
}

std::int64_t read_shards(ParamReader& request, const SizingContext& context) {
  if (!request.has("shards")) {
    return context.gpus;
  }
  if (!request.is_text("shards")) {
    return request.integer("shards");
  }
  const std::string text = request.text("shards");
  if (text != "job") {
    throw ParamError("shards", "must be \"job\" or a number of GPUs, found '" + text + "'");
  }
  return context.gpus;
}

std::vector<PlannedProblem> plan_model_layer(ParamReader& request, const SizingContext& context,
                                             const Lists& lists) {
  const AttentionModel model = find_model(request.text("model"));
  const HeadShard shard = shard_heads(model, read_shards(request, context));
  const std::int64_t batch = request.integer_or("batch", 1);
  std::vector<PlannedProblem> plan;
  for (const std::int64_t tokens : request.integers_or("tokens", {4096})) {
    append(plan, lists,
           {.batch = batch,
            .q_heads = shard.q_heads,
            .kv_heads = shard.kv_heads,
            .q_len = tokens,
            .kv_len = tokens,
            .head_dim = model.head_dim},
           "attention of " + std::string(model.name) + ", " + std::to_string(batch) + " x " +
               std::to_string(tokens) + " tokens; " + shard.reason);
  }
  return plan;
}

std::vector<PlannedProblem> plan_packed(ParamReader& request, const SizingContext& context,
                                        const Lists& lists) {
  const PlannedHeads heads = read_heads(request, context);
  const std::vector<std::int64_t> q_lengths = request.integers_or("lengths", {});
  const std::vector<std::int64_t> kv_lengths = request.integers_or("kv_lengths", q_lengths);
  if (q_lengths.empty()) {
    throw ParamError("lengths", "is required (a list of integers)");
  }
  if (kv_lengths.size() != q_lengths.size()) {
    throw ParamError("kv_lengths", "must have as many entries as lengths (" +
                                       std::to_string(q_lengths.size()) + "), found " +
                                       std::to_string(kv_lengths.size()));
  }
  AttentionShape shape{
      .q_heads = heads.q_heads, .kv_heads = heads.kv_heads, .head_dim = heads.head_dim};
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < q_lengths.size(); ++i) {
    shape.sequences.push_back({.q = q_lengths[i], .kv = kv_lengths[i]});
    tokens += q_lengths[i];
  }
  std::vector<PlannedProblem> plan;
  append(plan, lists, shape,
         std::to_string(q_lengths.size()) + " packed sequences, " + std::to_string(tokens) +
             " tokens; " + heads.reason);
  return plan;
}

}  // namespace

WaveFill fill_waves(std::int64_t query_tiles, std::int64_t blocks_per_sm,
                    std::int64_t multiprocessors, std::int64_t waves) {
  WaveFill fill;
  fill.resident =
      std::max<std::int64_t>(1, blocks_per_sm) * std::max<std::int64_t>(1, multiprocessors);
  fill.heads = std::max<std::int64_t>(1, waves * fill.resident / query_tiles);
  fill.blocks = fill.heads * query_tiles;
  fill.fill = static_cast<double>(fill.blocks) /
              static_cast<double>(divide_up(fill.blocks, fill.resident) * fill.resident);
  return fill;
}

PlannedHeads read_heads(ParamReader& request, const SizingContext& context) {
  if (!request.has("model")) {
    const std::int64_t heads = request.integer("heads");
    return {.q_heads = heads,
            .kv_heads = request.integer_or("kv_heads", heads),
            .head_dim = request.integer_or("head_dim", 128),
            .reason = "as the suite says"};
  }
  const AttentionModel model = find_model(request.text("model"));
  const HeadShard shard = shard_heads(model, read_shards(request, context));
  return {.q_heads = shard.q_heads,
          .kv_heads = shard.kv_heads,
          .head_dim = model.head_dim,
          .reason = "heads of " + std::string(model.name) + "; " + shard.reason};
}

std::vector<PlannedProblem> plan_attention(ParamReader& request, const SizingContext& context) {
  const Lists lists = read_lists(request);
  const std::string shape = request.text("shape");
  if (shape == "explicit") {
    return plan_explicit(request, lists);
  }
  if (shape == "full_waves") {
    return plan_full_waves(request, context, lists);
  }
  if (shape == "model_layer") {
    return plan_model_layer(request, context, lists);
  }
  if (shape == "packed") {
    return plan_packed(request, context, lists);
  }
  throw ParamError(
      "shape", "unknown shape '" + shape + "'; known: explicit, full_waves, model_layer, packed");
}

}  // namespace rackproof::kernels::attention

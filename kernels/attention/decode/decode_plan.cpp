#include "kernels/attention/decode/decode_plan.hpp"

#include "kernels/attention/attention_plan.hpp"

namespace rackproof::kernels::attention::decode {
namespace {

/// Lengths of one batch and how they came about.
struct Batch {
  std::vector<std::int64_t> kv_lens;
  std::string reason;
};

std::vector<Batch> read_batches(ParamReader& request) {
  if (request.has("kv_lengths")) {
    const std::vector<std::int64_t> lengths = request.integers_or("kv_lengths", {});
    return {{.kv_lens = lengths,
             .reason = std::to_string(lengths.size()) + " sequences of given lengths"}};
  }
  std::vector<Batch> batches;
  for (const std::int64_t batch : request.integers_or("batch", {64})) {
    if (batch < 1 || batch > (1 << 20)) {
      throw ParamError("batch", "must lie in 1..1048576, found " + std::to_string(batch));
    }
    for (const std::int64_t length : request.integers_or("kv_seq", {8192})) {
      batches.push_back(
          {.kv_lens = std::vector<std::int64_t>(static_cast<std::size_t>(batch), length),
           .reason = std::to_string(batch) + " sequences of " + std::to_string(length) + " keys"});
    }
  }
  return batches;
}

}  // namespace

std::vector<PlannedProblem> plan_decode(ParamReader& request, const SizingContext& context) {
  const PlannedHeads heads = read_heads(request, context);
  const std::vector<std::string> types = request.texts_or("type", {"bf16"});
  const std::vector<std::int64_t> page_sizes = request.integers_or("page_size", {64});
  std::vector<PlannedProblem> plan;
  for (const Batch& batch : read_batches(request)) {
    for (const std::int64_t page_size : page_sizes) {
      for (const std::string& type : types) {
        const DecodeShape shape{.type = element_type_from("type", type),
                                .q_heads = heads.q_heads,
                                .kv_heads = heads.kv_heads,
                                .head_dim = heads.head_dim,
                                .page_size = page_size,
                                .kv_lens = batch.kv_lens};
        plan.push_back({std::make_shared<DecodeProblem>(shape),
                        "one token for each of " + batch.reason + "; " + heads.reason});
      }
    }
  }
  return plan;
}

}  // namespace rackproof::kernels::attention::decode

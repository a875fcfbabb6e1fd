#pragma once
/// Sizing rules: from what a suite asks for and the device that was found to attention problems.
/// README.md lists the requests and their keys.

#include "kernels/attention/attention.hpp"

#include <vector>

namespace rackproof::kernels::attention {

/// How many heads fill a number of waves.
struct WaveFill {
  std::int64_t heads = 0;     ///< batch * q_heads
  std::int64_t blocks = 0;    ///< CTAs: heads * query tiles
  std::int64_t resident = 0;  ///< CTAs that the device holds at once
  double fill = 0;            ///< blocks / (waves they take * resident)
};

/// The most heads whose CTAs fit in `waves` waves; one head, and the waves it takes, if none does.
[[nodiscard]] WaveFill fill_waves(std::int64_t query_tiles, std::int64_t blocks_per_sm,
                                  std::int64_t multiprocessors, std::int64_t waves);

/// Heads of one GPU: `heads`, `kv_heads` and `head_dim` as the suite says, or those of its shard of
/// a `model`, over `shards` GPUs (default: those of the job).
struct PlannedHeads {
  std::int64_t q_heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::string reason;
};
[[nodiscard]] PlannedHeads read_heads(ParamReader& request, const SizingContext& context);

/// The plan of attention_operation().
[[nodiscard]] std::vector<PlannedProblem> plan_attention(ParamReader& request,
                                                         const SizingContext& context);

}  // namespace rackproof::kernels::attention

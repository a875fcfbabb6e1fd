#pragma once
/// From message size and time to the three bandwidths that people quote, each with its derivation
/// in docs/collectives.md.

#include "collectives/collective.hpp"

#include <cstdint>
#include <optional>

namespace rackproof::collectives {

/// 1e9 byte/s each; nullopt where the figure has no meaning (one rank).
struct Bandwidth {
  double algbw_gb_per_s = 0;             ///< S / t
  std::optional<double> busbw_gb_per_s;  ///< algbw * bus factor; the ring's link load
  std::optional<double> wire_gb_per_s;   ///< algbw * switch wire factor; the load under NVLS
};

/// `bytes` is S as the collective defines it, `time_s` the slowest rank's time.
/// Throws std::invalid_argument unless time_s > 0 and ranks >= 1.
[[nodiscard]] Bandwidth bandwidth(const Collective& collective, std::uint64_t bytes, double time_s,
                                  int ranks);

/// All-reduce, n ranks: reduce-scatter and all-gather move (n-1)/n S each over every ring link.
/// Source: NVIDIA/nccl-tests doc/PERFORMANCE.md, "AllReduce".
[[nodiscard]] std::optional<double> all_reduce_bus_factor(int ranks);
/// All-reduce in the switch, n ranks: a GPU sends its S up once, and the reduction's result comes
/// down once, of which 1/n is this GPU's own share to multicast: S (n+1)/n each way.
/// Source: NVIDIA/nccl-tests pull request 239.
[[nodiscard]] std::optional<double> all_reduce_switch_wire_factor(int ranks);

}  // namespace rackproof::collectives

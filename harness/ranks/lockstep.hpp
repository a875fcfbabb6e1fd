#pragma once
/// Ranks go through a benchmark step by step, together: what fails on one is skipped by all.

#include "collectives/bootstrap.hpp"

#include <functional>
#include <optional>
#include <string>

namespace rackproof::harness::ranks {

/// Does `step` on this rank, then tells the others how it went. Returns nothing when it went well
/// everywhere, else "rank 3: <error>" of the lowest rank that failed, equally on all ranks.
/// Collective. A collectives::TimeoutError passes through: it ends the run.
[[nodiscard]] std::optional<std::string> attempt(collectives::Bootstrap& bootstrap,
                                                 const collectives::Deadline& deadline,
                                                 const std::function<void()>& step);

}  // namespace rackproof::harness::ranks

#pragma once
/// One collective on one message size, on all communicators of its scope at the same time.

#include "harness/measure/communicators.hpp"
#include "harness/measure/context.hpp"
#include "harness/measure/measurement.hpp"
#include "harness/plan/plan.hpp"

namespace rackproof::harness::measure {

/// Collective. Samples of a rank are its own; the collective's time is their maximum.
/// Throws collectives::TimeoutError.
[[nodiscard]] Measurement measure_collective(Context& context, Communicators& communicators,
                                             const std::string& name,
                                             const plan::CollectiveBenchmark& benchmark);

}  // namespace rackproof::harness::measure

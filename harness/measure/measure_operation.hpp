#pragma once
/// One operation on one problem: every rank measures its own GPU, all at the same time.

#include "harness/measure/context.hpp"
#include "harness/measure/measurement.hpp"
#include "harness/plan/plan.hpp"

namespace rackproof::harness::measure {

/// Collective. Prepares, samples, verifies what was timed, and measures the library's answer to the
/// same problem. `benchmark` is named `name` and has a variant. Throws collectives::TimeoutError.
[[nodiscard]] Measurement measure_operation(Context& context, const std::string& name,
                                            const plan::OperationBenchmark& benchmark);

/// Data that successive executions rotate through for a cold L2: replacement is not strictly by
/// age, so one L2's worth could leave some behind; twice as much leaves next to nothing.
[[nodiscard]] std::uint64_t rotate_beyond_bytes(const Context& context);

}  // namespace rackproof::harness::measure

#include "harness/measure/measure_collective.hpp"

#include "collectives/watchdog.hpp"
#include "collectives/workload.hpp"
#include "harness/measure/codec.hpp"
#include "harness/measure/measure_operation.hpp"
#include "harness/measure/sampling.hpp"
#include "harness/ranks/lockstep.hpp"

namespace rackproof::harness::measure {
namespace {

collectives::WorkloadConfig config_of(const Context& context,
                                      const plan::CollectiveBenchmark& benchmark) {
  collectives::WorkloadConfig config;
  config.type = collectives::parse_data_type(benchmark.type).value();
  config.op = collectives::parse_reduce_op(benchmark.reduction).value();
  config.placement = collectives::parse_placement(benchmark.placement).value();
  config.bytes = benchmark.bytes;
  config.rotate_beyond_bytes = rotate_beyond_bytes(context);
  return config;
}

/// The contract of an operation says the same with more fields.
kernels::Verification to_kernel_verification(const collectives::Verification& exact,
                                             std::uint64_t elements) {
  kernels::Verification verification;
  verification.passed = exact.passed;
  verification.checked_elements = exact.checked_elements;
  verification.total_elements = elements;
  verification.wrong_elements = exact.wrong_elements;
  if (exact.first_wrong) {
    verification.first_wrong = kernels::WrongElement{
        exact.first_wrong->index, "element " + std::to_string(exact.first_wrong->index),
        exact.first_wrong->expected, exact.first_wrong->actual};
  }
  verification.max_error = static_cast<double>(exact.wrong_elements);
  verification.tolerance = 0;
  verification.measure = "wrong elements; inputs whose result is exact in any order of reduction";
  return verification;
}

/// One execution on known inputs, and its comparison with the exact result.
kernels::Verification verify(Context& context, collectives::CollectiveWorkload& workload,
                             collectives::Watchdog& watchdog, const std::string& name) {
  workload.fill(context.stream->get());
  workload.launch(context.stream->get());
  watchdog.wait(context.stream->get(), context.deadline("verification"), name);
  const collectives::OutputView output = workload.output();
  if (context.plant && context.plant->applies(name, context.rank())) {
    plant_wrong_element(output.data, output.elements, output.element_bytes, context.stream->get());
  }
  return to_kernel_verification(workload.verify(context.stream->get()), output.elements);
}

/// `workload` belongs to the caller: see measure_collective().
Measurement measure(Context& context, Communicators& communicators, const std::string& name,
                    const plan::CollectiveBenchmark& benchmark,
                    std::unique_ptr<collectives::CollectiveWorkload>& workload) {
  collectives::Bootstrap& bootstrap = *context.bootstrap;
  RankMeasurement own;
  own.resources = record::Reported<kernels::KernelResources>::missing(
      "NCCL's kernels: the library does not report them");
  own.work_counts = record::Reported<record::WorkCounts>::missing(
      "NCCL's kernels: counts are of our own kernels");
  own.baseline = record::Reported<BaselineMeasurement>::missing(
      "NCCL is what is measured; there is no second library");

  collectives::Communicator* communicator = nullptr;
  std::optional<std::string> failure =
      ranks::attempt(bootstrap, context.deadline("preparation"), [&] {
        communicator = &communicators.get(benchmark.scope, context);
        const collectives::Collective* collective =
            collectives::find_collective(benchmark.collective);
        workload = std::make_unique<collectives::CollectiveWorkload>(*collective, *communicator,
                                                                     config_of(context, benchmark));
        own.buffer_sets = static_cast<int>(workload->buffer_sets());
      });
  if (failure) {
    return {{}, *failure};
  }

  collectives::Watchdog watchdog(*communicator);
  Execution execution;
  execution.name = name;
  execution.launch = [&](cudaStream_t stream) { workload->launch(stream); };
  execution.wait = [&](cudaEvent_t event, const collectives::Deadline& deadline) {
    watchdog.wait(event, deadline, name);
  };
  execution.aligning_launches = 1;
  SamplingOutcome outcome = take_samples(context, execution);
  if (outcome.failure) {
    return {{}, *outcome.failure};
  }
  own.samples_s = std::move(outcome.sampled.samples_s);
  own.throttled_samples = std::move(outcome.sampled.throttled_samples);
  own.telemetry = std::move(outcome.sampled.telemetry);
  own.warnings = std::move(outcome.sampled.warnings);

  failure = ranks::attempt(bootstrap, context.deadline("verification"),
                           [&] { own.verification = verify(context, *workload, watchdog, name); });
  if (failure) {
    return {{}, *failure};
  }
  Measurement measurement;
  for (const auto& bytes : bootstrap.all_gather(encode(own), context.deadline("gathering"))) {
    measurement.ranks.push_back(decode(bytes));
  }
  return measurement;
}

}  // namespace

Measurement measure_collective(Context& context, Communicators& communicators,
                               const std::string& name,
                               const plan::CollectiveBenchmark& benchmark) {
  std::unique_ptr<collectives::CollectiveWorkload> workload;
  try {
    return measure(context, communicators, name, benchmark, workload);
  } catch (const collectives::TimeoutError&) {
    static_cast<void>(workload.release());  // to free memory is to wait for the work that hangs
    throw;
  }
}

}  // namespace rackproof::harness::measure

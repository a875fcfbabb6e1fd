#include "harness/measure/measure_operation.hpp"

#include "harness/measure/codec.hpp"
#include "harness/measure/sampling.hpp"
#include "harness/ranks/lockstep.hpp"
#include "harness/telemetry/work_counts.hpp"
#include "runtime/event.hpp"

namespace rackproof::harness::measure {
namespace {

Execution execution_of(Context& context, kernels::Workload& workload, const std::string& name) {
  Execution execution;
  execution.name = name;
  execution.launch = [&workload](cudaStream_t stream) { workload.launch(stream); };
  execution.wait = [&context, name](cudaEvent_t event, const collectives::Deadline& deadline) {
    wait_for_event(*context.bootstrap, event, deadline, name);
  };
  return execution;
}

/// What one more execution, which is no sample, makes the CUDA runtime count. Collective.
record::Reported<record::WorkCounts> count_work(Context& context, const Execution& execution) {
  record::Reported<record::WorkCounts> counts;
  const std::optional<std::string> failure =
      ranks::attempt(*context.bootstrap, context.deadline("counting of work"), [&] {
        const auto before = telemetry::work_so_far();
        if (!before) {
          counts = before;
          return;
        }
        runtime::Event done;
        execution.launch(context.stream->get());
        done.record(context.stream->get());
        execution.wait(done.get(), context.deadline("counting of work"));
        const auto after = telemetry::work_so_far();
        counts = after ? telemetry::work_between(*before, *after) : after;
      });
  return failure ? record::Reported<record::WorkCounts>::missing(*failure) : counts;
}

/// The library on the same problem; missing with the reason where there is none.
/// Collective: ranks skip it together.
record::Reported<BaselineMeasurement> measure_baseline(
    Context& context, const std::string& name, const plan::OperationBenchmark& benchmark,
    const kernels::PrepareOptions& options, std::unique_ptr<kernels::Workload>& workload) {
  using Missing = record::Reported<BaselineMeasurement>;
  std::string not_supported;
  std::optional<std::string> failure =
      ranks::attempt(*context.bootstrap, context.deadline("baseline"), [&] {
        auto answer = benchmark.operation->baseline(*benchmark.problem, options);
        if (const auto* none = std::get_if<kernels::NotSupported>(&answer)) {
          not_supported = none->reason;
          throw runtime::NotAvailable(none->reason);
        }
        workload = std::move(std::get<0>(answer));
      });
  if (failure) {
    return Missing::missing(not_supported.empty() ? *failure : not_supported);
  }
  SamplingOutcome outcome =
      take_samples(context, execution_of(context, *workload, name + " (baseline)"));
  if (outcome.failure) {
    return Missing::missing(*outcome.failure);
  }
  return BaselineMeasurement{benchmark.operation->baseline_name(),
                             std::move(outcome.sampled.samples_s)};
}

/// `workload` belongs to the caller: see measure_operation().
Measurement measure(Context& context, const std::string& name,
                    const plan::OperationBenchmark& benchmark,
                    std::unique_ptr<kernels::Workload>& workload) {
  collectives::Bootstrap& bootstrap = *context.bootstrap;
  // Each rank its own data: more of it is verified, and no GPU is helped by another's cache.
  const kernels::PrepareOptions options{
      context.seed + static_cast<std::uint64_t>(context.rank()),
      benchmark.problem->wants_warm_l2() ? 0 : rotate_beyond_bytes(context)};
  RankMeasurement own;
  std::optional<std::string> failure =
      ranks::attempt(bootstrap, context.deadline("preparation"), [&] {
        workload = benchmark.operation->prepare(*benchmark.variant, *benchmark.problem, options);
        own.buffer_sets = workload->buffer_sets();
        own.resources = workload->resources();
      });
  if (failure) {
    return {{}, *failure};
  }
  SamplingOutcome outcome = take_samples(context, execution_of(context, *workload, name));
  if (outcome.failure) {
    return {{}, *outcome.failure};
  }
  own.samples_s = std::move(outcome.sampled.samples_s);
  own.throttled_samples = std::move(outcome.sampled.throttled_samples);
  own.telemetry = std::move(outcome.sampled.telemetry);
  own.warnings = std::move(outcome.sampled.warnings);

  failure = ranks::attempt(bootstrap, context.deadline("verification"), [&] {
    if (context.plant && context.plant->applies(name, context.rank())) {
      const kernels::OutputView output = workload->output();
      plant_wrong_element(output.data, output.elements, output.element_bytes,
                          context.stream->get());
    }
    own.verification = workload->verify(context.stream->get());
  });
  if (failure) {
    return {{}, *failure};
  }
  own.work_counts = count_work(context, execution_of(context, *workload, name));
  workload.reset();  // the library needs the memory
  own.baseline = measure_baseline(context, name, benchmark, options, workload);

  Measurement measurement;
  for (const auto& bytes : bootstrap.all_gather(encode(own), context.deadline("gathering"))) {
    measurement.ranks.push_back(decode(bytes));
  }
  return measurement;
}

}  // namespace

std::uint64_t rotate_beyond_bytes(const Context& context) {
  if (!context.statistics.cold_l2) {
    return 0;
  }
  return plan::rotated_bytes(context.topology->gpu(context.rank()).l2_bytes);
}

Measurement measure_operation(Context& context, const std::string& name,
                              const plan::OperationBenchmark& benchmark) {
  std::unique_ptr<kernels::Workload> workload;
  try {
    return measure(context, name, benchmark, workload);
  } catch (const collectives::TimeoutError&) {
    static_cast<void>(workload.release());  // to free memory is to wait for the work that hangs
    throw;
  }
}

}  // namespace rackproof::harness::measure

#include "harness/measure/to_record.hpp"

#include "collectives/bandwidth_model.hpp"
#include "collectives/exact_kernels.hpp"
#include "collectives/workload.hpp"
#include "harness/measure/communicators.hpp"
#include "harness/plan/message_sizes.hpp"
#include "harness/record/rollup.hpp"
#include "harness/record/roofline.hpp"
#include "harness/record/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rackproof::harness::measure {
namespace {

using record::Benchmark;
using record::Reported;
using record::Throughput;

constexpr const char* kZeroTime = "the measured time is zero: below the resolution of the clock";

record::Benchmark skeleton(const plan::PlannedBenchmark& planned) {
  Benchmark benchmark;
  benchmark.name = planned.name;
  benchmark.operation = planned.operation();
  benchmark.size_reason = planned.reason;
  if (const auto* operation = std::get_if<plan::OperationBenchmark>(&planned.what)) {
    benchmark.params = operation->problem->params();
    benchmark.work = operation->problem->work();
    benchmark.better = kernels::is_less_better(operation->problem->unit()) ? record::Better::lower
                                                                           : record::Better::higher;
    benchmark.input_distribution = kernels::kInputDistribution;
    benchmark.variant =
        operation->variant != nullptr
            ? Reported(std::string(operation->variant->name))
            : Reported<std::string>::missing(planned.cannot_run.value_or("none was chosen"));
    return benchmark;
  }
  const auto& collective = std::get<plan::CollectiveBenchmark>(planned.what);
  benchmark.params = {{"type", collective.type},
                      {"reduction", collective.reduction},
                      {"placement", collective.placement},
                      {"bytes", static_cast<std::int64_t>(collective.bytes)},
                      {"scope", std::string(to_string(collective.scope))}};
  benchmark.work.bytes = static_cast<double>(collective.bytes);
  benchmark.input_distribution = "seeded integers whose result is exact in any order";
  benchmark.variant = Reported<std::string>::missing("NCCL chooses its algorithm itself");
  return benchmark;
}

void describe_cache(const Measurement& measurement, const RecordContext& context,
                    std::uint64_t set_bytes, bool is_cold, Benchmark& benchmark) {
  const int sets = measurement.ranks.front().buffer_sets;
  std::uint64_t l2_bytes = 0;
  for (int rank = 0; rank < context.topology->gpus(); ++rank) {
    l2_bytes = std::max(l2_bytes, context.topology->gpu(rank).l2_bytes);
  }
  benchmark.cache = is_cold ? record::CacheState::cold : record::CacheState::warm;
  benchmark.cache_method =
      sets == 1 ? fmt::format("one buffer set of {}, the L2 holds {}",
                              plan::format_bytes(set_bytes), plan::format_bytes(l2_bytes))
                : fmt::format("{} buffer sets of {} in turn, the L2 holds {}", sets,
                              plan::format_bytes(set_bytes), plan::format_bytes(l2_bytes));
}

/// Sets the status from the ranks' verifications: the first wrong element names its GPU; else the
/// first GPU whose output nobody compared.
void judge(const Measurement& measurement, const RecordContext& context, Benchmark& benchmark) {
  for (std::size_t rank = 0; rank < measurement.ranks.size(); ++rank) {
    const auto& verification = measurement.ranks[rank].verification;
    if (!verification || verification->passed) {
      continue;
    }
    const record::GpuRef gpu = record::gpu_ref(*context.topology, static_cast<int>(rank));
    benchmark.status = record::Status::wrong;
    benchmark.status_reason = fmt::format("{} of {} elements wrong on node {} GPU {} (rank {})",
                                          verification->wrong_elements,
                                          verification->checked_elements, gpu.node, gpu.gpu, rank);
    if (verification->first_wrong) {
      const kernels::WrongElement& wrong = *verification->first_wrong;
      benchmark.status_reason +=
          fmt::format("; first: element {} ({}) is {:.9g}, expected {:.9g}", wrong.index,
                      wrong.coordinate, wrong.actual, wrong.expected);
    }
    return;
  }
  for (std::size_t rank = 0; rank < measurement.ranks.size(); ++rank) {
    const auto& verification = measurement.ranks[rank].verification;
    if (!verification) {
      const record::GpuRef gpu = record::gpu_ref(*context.topology, static_cast<int>(rank));
      benchmark.status = record::Status::failed;
      benchmark.status_reason = fmt::format("not verified on node {} GPU {} (rank {}): {}",
                                            gpu.node, gpu.gpu, rank, verification.reason());
      return;
    }
  }
}

/// Work per second, or time per access, in the unit of the problem.
Reported<Throughput> throughput_of(const plan::OperationBenchmark& operation,
                                   const Reported<record::TimeStatistics>& time_s,
                                   record::Basis basis) {
  if (!time_s) {
    return Reported<Throughput>::missing(time_s.reason());
  }
  if (time_s->median <= 0) {
    return Reported<Throughput>::missing(kZeroTime);
  }
  const kernels::ThroughputUnit unit = operation.problem->unit();
  return Throughput{kernels::figure_of(operation.problem->work(), unit, time_s->median),
                    std::string(to_string(unit)), basis};
}

record::GpuResult gpu_result(const RankMeasurement& rank, record::GpuRef gpu) {
  record::GpuResult result;
  result.gpu = std::move(gpu);
  result.samples_s = rank.samples_s;
  result.throttled_samples = rank.throttled_samples;
  result.time_s = record::time_statistics(rank.samples_s);
  result.verification = rank.verification;
  result.resources = rank.resources;
  result.work_counts = rank.work_counts;
  result.telemetry = rank.telemetry;
  return result;
}

Reported<record::Baseline> baseline_of(const plan::OperationBenchmark& operation,
                                       const Measurement& measurement, record::Better better,
                                       record::Basis basis) {
  std::vector<double> own;
  std::vector<Throughput> library;
  for (const RankMeasurement& rank : measurement.ranks) {
    if (!rank.baseline) {
      return Reported<record::Baseline>::missing(rank.baseline.reason());
    }
    const auto theirs =
        throughput_of(operation, record::time_statistics(rank.baseline->samples_s), basis);
    const auto ours = throughput_of(operation, record::time_statistics(rank.samples_s), basis);
    if (!theirs || !ours) {
      return Reported<record::Baseline>::missing(theirs ? ours.reason() : theirs.reason());
    }
    library.push_back(*theirs);
    own.push_back(ours->value);
  }
  record::Baseline baseline;
  baseline.library = measurement.ranks.front().baseline->library;
  baseline.throughput = record::aggregate(library, better, operation.problem->name());
  baseline.ratio = record::median(own) / baseline.throughput.median;
  return baseline;
}

void fill_operation(const plan::OperationBenchmark& operation, const Measurement& measurement,
                    const RecordContext& context, Benchmark& benchmark) {
  describe_cache(measurement, context, operation.problem->footprint_bytes(),
                 context.cold_l2 && !operation.problem->wants_warm_l2(), benchmark);
  for (std::size_t rank = 0; rank < measurement.ranks.size(); ++rank) {
    benchmark.gpus.push_back(gpu_result(
        measurement.ranks[rank], record::gpu_ref(*context.topology, static_cast<int>(rank))));
    benchmark.gpus.back().throughput =
        throughput_of(operation, benchmark.gpus.back().time_s, context.basis);
  }
  const std::string no_roofline = operation.problem->no_roofline();
  benchmark.roofline =
      !no_roofline.empty()
          ? Reported<record::Roofline>::missing(no_roofline)
          : record::kernel_roofline(benchmark.work, to_string(operation.problem->unit()),
                                    operation.problem->peak(), *context.rack_model, context.basis);
  benchmark.baseline = baseline_of(operation, measurement, benchmark.better, context.basis);
}

/// Per sample the slowest rank of the communicator: then all have the result.
std::vector<double> slowest_of(const Measurement& measurement, const std::vector<int>& members) {
  std::vector<double> slowest;
  for (const int member : members) {
    const auto& samples = measurement.ranks.at(static_cast<std::size_t>(member)).samples_s;
    slowest.resize(std::max(slowest.size(), samples.size()));
    for (std::size_t i = 0; i < samples.size(); ++i) {
      slowest[i] = std::max(slowest[i], samples[i]);
    }
  }
  return slowest;
}

Reported<Throughput> gb_per_s(const std::optional<double>& value, record::Basis basis,
                              const char* reason) {
  return value ? Reported(Throughput{*value, record::kGbPerS, basis})
               : Reported<Throughput>::missing(reason);
}

void fill_bandwidths(const plan::CollectiveBenchmark& collective, record::Basis basis,
                     record::CommunicatorResult& result) {
  const std::string reason = !result.time_s               ? result.time_s.reason()
                             : result.time_s->median <= 0 ? std::string(kZeroTime)
                                                          : std::string();
  if (!reason.empty()) {
    result.algbw = result.busbw = result.wire = Reported<Throughput>::missing(reason);
    return;
  }
  const collectives::Collective& definition = *collectives::find_collective(collective.collective);
  const collectives::Bandwidth bandwidth = collectives::bandwidth(
      definition, collective.bytes, result.time_s->median, static_cast<int>(result.ranks.size()));
  result.algbw = Throughput{bandwidth.algbw_gb_per_s, record::kGbPerS, basis};
  result.busbw = gb_per_s(bandwidth.busbw_gb_per_s, basis, "one rank: nothing travels");
  result.wire = gb_per_s(bandwidth.wire_gb_per_s, basis,
                         "the collective has no model of in-switch reduction");
}

record::CommunicatorResult communicator_result(const plan::CollectiveBenchmark& collective,
                                               const std::vector<int>& members,
                                               const Measurement& measurement,
                                               const RecordContext& context) {
  record::CommunicatorResult result;
  result.scope = to_string(collective.scope);
  result.placement = collective.placement;
  result.bytes = collective.bytes;
  result.samples_s = slowest_of(measurement, members);
  result.time_s = record::time_statistics(result.samples_s);
  result.wire_model = "in-switch reduction and multicast: algbw * (n + 1) / n";
  bool all_right = true;
  std::uint64_t wrong_elements = 0;
  std::optional<std::string> unverified;
  for (const int member : members) {
    const RankMeasurement& rank = measurement.ranks.at(static_cast<std::size_t>(member));
    if (!rank.samples_s.empty()) {
      result.ranks.push_back(
          {record::gpu_ref(*context.topology, member), record::median(rank.samples_s)});
    }
    if (!rank.verification) {
      unverified = unverified.value_or(rank.verification.reason());
      continue;
    }
    all_right = all_right && rank.verification->passed;
    wrong_elements += rank.verification->wrong_elements;
  }
  result.verified = unverified ? Reported<bool>::missing(*unverified) : Reported(all_right);
  result.wrong_elements =
      unverified ? Reported<std::uint64_t>::missing(*unverified) : Reported(wrong_elements);
  fill_bandwidths(collective, context.basis, result);
  return result;
}

bool is_within_one_rack(const topology::Topology& topology, plan::CommunicatorScope scope) {
  return scope != plan::CommunicatorScope::all || topology.racks.size() == 1;
}

/// Send and receive buffers of one rank, aligned as they are allocated.
std::uint64_t set_bytes(const plan::CollectiveBenchmark& collective, std::size_t ranks) {
  collectives::WorkloadConfig config;
  config.type = collectives::parse_data_type(collective.type).value();
  config.op = collectives::parse_reduce_op(collective.reduction).value();
  config.placement = collectives::parse_placement(collective.placement).value();
  config.bytes = collective.bytes;
  // Of one set; the footprint also holds the verifier's result.
  return collectives::CollectiveWorkload::footprint_bytes(
             *collectives::find_collective(collective.collective), static_cast<int>(ranks),
             config) -
         sizeof(collectives::exact::Mismatches);
}

void fill_collective(const plan::CollectiveBenchmark& collective, const Measurement& measurement,
                     const RecordContext& context, Benchmark& benchmark) {
  const std::vector<std::vector<int>> groups = members_of(*context.topology, collective.scope);
  describe_cache(measurement, context, set_bytes(collective, groups.front().size()),
                 context.cold_l2, benchmark);
  for (std::size_t rank = 0; rank < measurement.ranks.size(); ++rank) {
    benchmark.gpus.push_back(gpu_result(
        measurement.ranks[rank], record::gpu_ref(*context.topology, static_cast<int>(rank))));
  }
  for (const std::vector<int>& members : groups) {
    benchmark.communicators.push_back(
        communicator_result(collective, members, measurement, context));
  }
  benchmark.roofline = record::collective_roofline(
      is_within_one_rack(*context.topology, collective.scope), *context.rack_model, context.basis);
  benchmark.baseline =
      Reported<record::Baseline>::missing(measurement.ranks.front().baseline.reason());
}

/// A benchmark without results: everything that would hold a figure says why it does not.
void finish_without_results(const RecordContext& context, Benchmark& benchmark) {
  benchmark.cache = record::CacheState::not_applicable;
  benchmark.cache_method = benchmark.status_reason;
  benchmark.roofline = Reported<record::Roofline>::missing(benchmark.status_reason);
  benchmark.baseline = Reported<record::Baseline>::missing(benchmark.status_reason);
  record::roll_up(benchmark, *context.topology);
}

}  // namespace

Benchmark not_run(const plan::PlannedBenchmark& planned, const std::string& reason,
                  const RecordContext& context) {
  Benchmark benchmark = skeleton(planned);
  benchmark.status = record::Status::not_run;
  benchmark.status_reason = reason;
  finish_without_results(context, benchmark);
  return benchmark;
}

Benchmark to_record(const plan::PlannedBenchmark& planned, const Measurement& measurement,
                    const RecordContext& context) {
  Benchmark benchmark = skeleton(planned);
  if (!measurement.failure.empty() || measurement.ranks.empty()) {
    benchmark.status = record::Status::failed;
    benchmark.status_reason =
        measurement.failure.empty() ? "no rank reported anything" : measurement.failure;
    finish_without_results(context, benchmark);
    return benchmark;
  }
  if (const auto* operation = std::get_if<plan::OperationBenchmark>(&planned.what)) {
    fill_operation(*operation, measurement, context, benchmark);
  } else {
    fill_collective(std::get<plan::CollectiveBenchmark>(planned.what), measurement, context,
                    benchmark);
  }
  judge(measurement, context, benchmark);
  record::take_busbw_from_communicators(benchmark);
  record::fill_attainment(benchmark);
  record::roll_up(benchmark, *context.topology);
  return benchmark;
}

}  // namespace rackproof::harness::measure
